/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An LRU of open directories. */
#include "engine/unpack/parents.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/unpack/text.h"

#include <fcntl.h>
#include <string.h>

#define SLOTS 32
#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct slot {
	char *path; /* NULL: free */
	size_t len;
	int fd;
	uint64_t used;
};

struct vzr_parents {
	int tree_fd;
	struct vzr_tally *tally;
	struct slot slots[SLOTS];
	struct slot *last;
	uint64_t clock;
};

int vzr_parents_new(int tree_fd, struct vzr_tally *tally, struct vzr_parents **ret_parents,
		    struct vzr_error *err)
{
	struct vzr_parents *parents = calloc(1, sizeof(*parents));

	if (!parents)
		return vzr_fail_code(err, -ENOMEM, "cannot set up the unpacking");
	parents->tree_fd = tree_fd;
	parents->tally = tally;
	*ret_parents = parents;
	return 0;
}

static void empty_slot(struct slot *slot)
{
	if (!slot->path)
		return;
	free(slot->path);
	close(slot->fd);
	*slot = (struct slot){0};
}

void vzr_parents_forget(struct vzr_parents *parents)
{
	for (size_t i = 0; i < SLOTS; i++)
		empty_slot(&parents->slots[i]);
	parents->last = NULL;
}

void vzr_parents_free(struct vzr_parents *parents)
{
	if (!parents)
		return;
	vzr_parents_forget(parents);
	free(parents);
}

static bool is_slot(const struct slot *slot, const char *path, size_t len)
{
	return slot->path && slot->len == len && memcmp(slot->path, path, len) == 0;
}

static struct slot *find(struct vzr_parents *parents, const char *path, size_t len)
{
	struct slot *oldest = &parents->slots[0];

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &parents->slots[i];

		if (is_slot(slot, path, len))
			return slot;
		if (slot->used < oldest->used)
			oldest = slot;
	}
	empty_slot(oldest);
	return oldest;
}

static int not_a_parent(int code, const char *path, struct vzr_error *err)
{
	char name[VZR_BRIEF];

	vzr_brief(path, name);
	if (code == -ELOOP || code == -ENOTDIR)
		return vzr_fail(err, -VZR_E_REFUSED,
				"its parent '%s' is a link or a file, not a directory", name);
	if (code == -EXDEV)
		return vzr_fail(err, -VZR_E_REFUSED,
				"its parent '%s' leads out of the tree or onto another file system",
				name);
	return vzr_fail_code(err, code, "cannot open its parent '%s'", name);
}

/* Makes @name in @fd if it is missing; the mode does not depend on the umask or a setgid parent. */
static int make_missing(struct vzr_parents *parents, int fd, const char *name,
			struct vzr_error *err)
{
	VZR_AUTO_CLOSE int made = -1;
	int r = vzr_tally_inode(parents->tally, VZR_TALLY_KIB, err);

	if (r < 0)
		return r;
	if (mkdirat(fd, name, 0755) < 0)
		return vzr_fail_errno(err, "cannot make its parent directory");
	made = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0 || fchown(made, 0, 0) < 0 || fchmod(made, 0755) < 0)
		return vzr_fail_errno(err, "cannot make its parent directory");
	return 0;
}

/* Component by component, making what is missing. @path is changed and restored. */
static int open_making(struct vzr_parents *parents, char *path, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = openat(parents->tree_fd, ".", DIR_FLAGS);

	if (fd < 0)
		return vzr_fail_errno(err, "cannot open the tree");
	for (char *p = path; p;) {
		char *slash = strchr(p, '/');
		int next, r = 0;

		if (slash)
			*slash = '\0';
		next = vzr_open_beneath(fd, p, DIR_FLAGS, 0);
		if (next == -ENOENT) {
			r = make_missing(parents, fd, p, err);
			if (r == 0)
				next = vzr_open_beneath(fd, p, DIR_FLAGS, 0);
		}
		if (r == 0 && next < 0)
			r = not_a_parent(next, path, err);
		if (slash)
			*slash = '/';
		if (r < 0)
			return r;
		close(fd);
		fd = next;
		p = slash ? slash + 1 : NULL;
	}
	return vzr_take_fd(fd);
}

static int fill_slot(struct vzr_parents *parents, struct slot *slot, const char *path, size_t len,
		     struct vzr_error *err)
{
	VZR_AUTO_FREE char *copy = strndup(path, len);
	int fd;

	if (!copy)
		return vzr_fail_code(err, -ENOMEM, "cannot open its parent");
	fd = vzr_open_beneath(parents->tree_fd, copy, DIR_FLAGS, 0);
	if (fd == -ENOENT) {
		fd = open_making(parents, copy, err);
		if (fd < 0)
			return fd;
	}
	if (fd < 0)
		return not_a_parent(fd, copy, err);
	slot->path = vzr_take_ptr(copy);
	slot->len = len;
	slot->fd = fd;
	return 0;
}

int vzr_parents_get(struct vzr_parents *parents, const char *path, const char **ret_name,
		    struct vzr_error *err)
{
	const char *slash = strrchr(path, '/');
	struct slot *slot = parents->last;
	size_t len;

	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return parents->tree_fd;
	len = (size_t)(slash - path);
	if (!slot || !is_slot(slot, path, len)) {
		slot = find(parents, path, len);
		if (!slot->path) {
			int r = fill_slot(parents, slot, path, len, err);

			if (r < 0)
				return r;
		}
	}
	slot->used = ++parents->clock;
	parents->last = slot;
	return slot->fd;
}
