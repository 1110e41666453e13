/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes members below one directory: every name new, no link ever followed. */
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/unpack/attr.h"
#include "engine/unpack/crew.h"
#include "engine/unpack/file.h"
#include "engine/unpack/late.h"
#include "engine/unpack/parents.h"
#include "engine/unpack/sink.h"
#include "engine/unpack/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

struct tree {
	struct vzr_sink sink;
	int fd;
	struct vzr_parents *parents;
	struct vzr_late *late;
	struct vzr_crew *crew; /* NULL: files are written here */
	int file_fd;	       /* the file being written here */
	uint64_t file_end;
};

static int tree_drain(struct vzr_sink *sink, struct vzr_error *err)
{
	struct tree *tree = (struct tree *)sink;
	int r = tree->crew ? vzr_crew_drain(tree->crew, err) : 0;

	sink->named |= r < 0;
	return r;
}

/* Makes an inode of the member's kind; -1 and errno like the system call. */
static int make(int parent, const char *name, const struct vzr_member *member)
{
	mode_t mode = member->mode & 0777;

	switch (member->type) {
	case VZR_MEMBER_DIR:
		return mkdirat(parent, name, mode);
	case VZR_MEMBER_SYMLINK:
		return symlinkat(member->link, parent, name);
	case VZR_MEMBER_CHAR:
		return mknodat(parent, name, S_IFCHR | mode,
			       makedev((unsigned int)member->major, (unsigned int)member->minor));
	case VZR_MEMBER_FIFO:
		return mknodat(parent, name, S_IFIFO | mode, 0);
	case VZR_MEMBER_FILE:
		return openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			      mode);
	case VZR_MEMBER_HARDLINK:
	case VZR_MEMBER_BLOCK:
	case VZR_MEMBER_SOCKET:
		break;
	}
	errno = EINVAL;
	return -1;
}

/* Takes an earlier member of the same name away, as soon as its size tells what it took. */
static int make_way(struct tree *tree, int parent, const char *name, struct vzr_error *err)
{
	struct stat st;
	bool dir;
	int r = tree_drain(&tree->sink, err);

	if (r < 0)
		return r;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot look at what it replaces");
	dir = S_ISDIR(st.st_mode);
	if (unlinkat(parent, name, dir ? AT_REMOVEDIR : 0) < 0) {
		if (dir && (errno == ENOTEMPTY || errno == EEXIST))
			return vzr_fail(err, -VZR_E_REFUSED,
					"it would replace a directory that is not empty");
		return vzr_fail_errno(err, "cannot replace what has its name");
	}
	if (dir) {
		vzr_parents_forget(tree->parents);
		vzr_late_removed(tree->late);
	}
	if (dir || st.st_nlink == 1)
		vzr_tally_drop(tree->sink.tally,
			       dir ? VZR_TALLY_KIB
				   : vzr_tally_blocks_kib((uint64_t)st.st_blocks * 512),
			       S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
	return 0;
}

static int count_inode(struct tree *tree, const struct vzr_member *member, struct vzr_error *err)
{
	struct vzr_tally *tally = tree->sink.tally;
	int r = vzr_tally_bytes(tally, member->size, err);

	if (r < 0)
		return r;
	r = vzr_tally_inode(tally, vzr_tally_member_kib(member), err);
	if (r < 0)
		tally->bytes -= member->size;
	return r;
}

/* Takes away what has the member's name, then counts and makes the member. */
static int replace(struct tree *tree, int parent, const char *name, const struct vzr_member *member,
		   bool counted, struct vzr_error *err)
{
	int made, r = make_way(tree, parent, name, err);

	if (r == 0 && !counted)
		r = count_inode(tree, member, err);
	if (r < 0)
		return r;
	/* The parent's descriptor may be gone with the cache. */
	parent = vzr_parents_get(tree->parents, member->path, &name, err);
	if (parent < 0)
		return parent;
	made = make(parent, name, member);
	return made < 0 ? vzr_fail_errno(err, "cannot make it") : made;
}

/* make(), after making way if need be. Returns what make() did or an error. */
static int make_new(struct tree *tree, int parent, const char *name,
		    const struct vzr_member *member, struct vzr_error *err)
{
	int made, r = count_inode(tree, member, err);
	struct stat st;

	if (r == -VZR_E_OVER_QUOTA && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return replace(tree, parent, name, member, false, err);
	if (r < 0)
		return r;
	made = make(parent, name, member);
	if (made < 0 && errno == EEXIST)
		return replace(tree, parent, name, member, true, err);
	return made < 0 ? vzr_fail_errno(err, "cannot make it") : made;
}

static int open_directory(int parent, const char *name, struct vzr_error *err)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? vzr_fail_errno(err, "cannot open it") : fd;
}

/* A directory that is there already is kept; anything else of that name makes way. */
static int make_directory(struct tree *tree, int parent, const char *name,
			  const struct vzr_member *member, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;
	int r;

	if (name[0] && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode)) {
		r = 0;
	} else if (name[0]) {
		r = make_new(tree, parent, name, member, err);
		if (r == 0)
			parent = vzr_parents_get(tree->parents, member->path, &name, err);
	} else {
		r = 0;
		name = ".";
	}
	if (r < 0 || parent < 0)
		return r < 0 ? r : parent;
	fd = open_directory(parent, name, err);
	if (fd < 0)
		return fd;
	r = vzr_attr_apply(fd, member, err);
	return r < 0 ? r : vzr_late_add(tree->late, member, err);
}

static int make_other(struct tree *tree, int parent, const char *name,
		      const struct vzr_member *member, struct vzr_error *err)
{
	int r = make_new(tree, parent, name, member, err);

	if (r < 0)
		return r;
	parent = vzr_parents_get(tree->parents, member->path, &name, err);
	if (parent < 0)
		return parent;
	return vzr_attr_apply_at(parent, name, member, tree->sink.left_out, err);
}

static int link_failed(const struct vzr_member *member, struct vzr_error *err)
{
	char name[VZR_BRIEF];

	vzr_brief(member->link, name);
	if (errno == ENOENT)
		return vzr_fail(err, -VZR_E_REFUSED,
				"a hard link to '%s', which the archive did not make before", name);
	if (errno == EPERM)
		return vzr_fail(err, -VZR_E_REFUSED, "a hard link to '%s', which is a directory",
				name);
	return vzr_fail_errno(err, "cannot link it to '%s'", name);
}

/* Both ends by descriptors that were reached without following a link. */
static int make_link(struct tree *tree, const struct vzr_member *member, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int from = -1;
	const char *old, *name;
	struct stat a, b;
	int r, parent = vzr_parents_get(tree->parents, member->link, &old, err);

	if (parent < 0)
		return vzr_wrap(err, parent, "the target of the hard link");
	/* Kept open: the second look-up may push the first out of the cache. */
	from = fcntl(parent, F_DUPFD_CLOEXEC, 3);
	if (from < 0)
		return vzr_fail_errno(err, "cannot open the target of the hard link");
	parent = vzr_parents_get(tree->parents, member->path, &name, err);
	if (parent < 0)
		return parent;
	if (linkat(from, old, parent, name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return link_failed(member, err);
	if (fstatat(from, old, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return link_failed(member, err);
	if (fstatat(parent, name, &b, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot look at what it replaces");
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return 0;
	r = make_way(tree, parent, name, err);
	if (r < 0)
		return r;
	parent = vzr_parents_get(tree->parents, member->path, &name, err);
	if (parent < 0)
		return parent;
	return linkat(from, old, parent, name, 0) < 0 ? link_failed(member, err) : 0;
}

/* @fd: of the new file, or an error. */
static int begin_file(struct tree *tree, int fd, const struct vzr_member *member,
		      struct vzr_error *err)
{
	int r;

	if (fd < 0)
		return fd;
	tree->file_end = 0;
	if (!tree->crew) {
		tree->file_fd = fd;
		return 0;
	}
	r = vzr_crew_begin(tree->crew, fd, member->shown, err);
	tree->sink.named |= r < 0;
	return r;
}

static int tree_begin(struct vzr_sink *sink, const struct vzr_member *member, struct vzr_error *err)
{
	struct tree *tree = (struct tree *)sink;
	const char *name = "";
	int parent;

	if (member->type == VZR_MEMBER_HARDLINK)
		return make_link(tree, member, err);
	parent = vzr_parents_get(tree->parents, member->path, &name, err);
	if (parent < 0)
		return parent;
	if (member->type == VZR_MEMBER_DIR)
		return make_directory(tree, parent, name, member, err);
	if (member->type != VZR_MEMBER_FILE)
		return make_other(tree, parent, name, member, err);
	return begin_file(tree, make_new(tree, parent, name, member, err), member, err);
}

static int tree_data(struct vzr_sink *sink, const void *data, size_t len, uint64_t offset,
		     struct vzr_error *err)
{
	struct tree *tree = (struct tree *)sink;

	if (tree->crew) {
		vzr_crew_data(tree->crew, data, len, offset);
		return 0;
	}
	tree->file_end = offset + len;
	return vzr_file_write(tree->file_fd, data, len, offset, err);
}

static int tree_end(struct vzr_sink *sink, struct vzr_member **member, struct vzr_error *err)
{
	struct tree *tree = (struct tree *)sink;
	int r;

	if (tree->crew) {
		vzr_crew_end(tree->crew, member);
		return 0;
	}
	r = vzr_file_finish(vzr_take_fd(tree->file_fd), *member, tree->file_end, err);
	if (r > 0)
		vzr_left_out_add(sink->left_out, VZR_LEFT_TIME, (*member)->path, "");
	return r < 0 ? r : 0;
}

static int tree_finish(struct vzr_sink *sink, struct vzr_error *err)
{
	struct tree *tree = (struct tree *)sink;

	return vzr_late_apply(tree->late, sink->left_out, err);
}

static void tree_free(struct vzr_sink *sink)
{
	struct tree *tree = (struct tree *)sink;

	vzr_crew_free(tree->crew);
	vzr_late_free(tree->late);
	vzr_parents_free(tree->parents);
	if (tree->file_fd >= 0)
		close(tree->file_fd);
	free(tree);
}

static const struct vzr_sink_ops tree_ops = {
	.begin = tree_begin,
	.data = tree_data,
	.end = tree_end,
	.drain = tree_drain,
	.finish = tree_finish,
	.free = tree_free,
};

/* An image's own lost+found may be there; anything else could be taken for the archive's. */
static int check_empty(int tree_fd, struct vzr_error *err)
{
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	const struct dirent *entry;
	int fd = openat(tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir) {
		int r = vzr_fail_errno(err, "cannot open the directory to unpack into");

		if (fd >= 0)
			close(fd);
		return r;
	}
	errno = 0;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, "lost+found") != 0)
			return vzr_fail(err, -VZR_E_EXISTS,
					"the directory to unpack into is not empty: it has '%s'",
					entry->d_name);
	return errno ? vzr_fail_errno(err, "cannot read the directory to unpack into") : 0;
}

/* An ACL inherited from where the tree was made would be inherited by all that is in it. */
static int drop_inherited_acls(int tree_fd, struct vzr_error *err)
{
	static const char *const names[] = {"system.posix_acl_default", "system.posix_acl_access"};

	for (size_t i = 0; i < VZR_COUNT(names); i++)
		if (fremovexattr(tree_fd, names[i]) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			return vzr_fail_errno(err,
					      "cannot remove %s from the directory to unpack "
					      "into",
					      names[i]);
	return 0;
}

int vzr_tree_new(int tree_fd, unsigned int writers, struct vzr_tally *tally,
		 struct vzr_left_out *left_out, struct vzr_sink **ret_sink, struct vzr_error *err)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	int r;

	if (!tree)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	tree->sink = (struct vzr_sink){.ops = &tree_ops, .tally = tally, .left_out = left_out};
	tree->fd = tree_fd;
	tree->file_fd = -1;
	r = check_empty(tree_fd, err);
	if (r == 0)
		r = drop_inherited_acls(tree_fd, err);
	if (r == 0)
		r = vzr_parents_new(tree_fd, tally, &tree->parents, err);
	if (r == 0)
		r = vzr_late_new(tree_fd, &tree->late, err);
	if (r == 0 && writers > 1)
		r = vzr_crew_new(writers, left_out, &tree->crew, err);
	if (r < 0) {
		tree_free(&tree->sink);
		return r;
	}
	*ret_sink = &tree->sink;
	return 0;
}
