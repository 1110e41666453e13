/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attributes, owner, mode and time of what was cloned, read back. */
#include "engine/area/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>
#include <sys/xattr.h>

/* Values are read into the worker's buffer behind the names. */
#define NAMES_MAX ((size_t)64 << 10)

/* What the unpacker makes. Labels are the policy's business, which gives each place its own. */
bool vzr_clone_wants_xattr(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
	       strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

static int copy_xattr(struct vzr_clone_worker *w, int from, int to, const char *name,
		      struct vzr_error *err)
{
	char *value = w->buffer + NAMES_MAX, *got = w->buffer + 2 * NAMES_MAX;
	ssize_t n = fgetxattr(from, name, value, NAMES_MAX);

	if (n < 0)
		return vzr_fail_errno(err, "cannot read attribute %.100s", name);
	if (fsetxattr(to, name, value, (size_t)n, 0) < 0)
		return vzr_fail_errno(err, "cannot set attribute %.100s", name);
	if (fgetxattr(to, name, got, NAMES_MAX) != n || memcmp(value, got, (size_t)n) != 0)
		return vzr_fail(err, -EIO, "attribute %.100s reads back differently", name);
	return 0;
}

static int copy_xattrs(struct vzr_clone_worker *w, int from, int to, struct vzr_error *err)
{
	ssize_t len = flistxattr(from, w->buffer, NAMES_MAX);

	if (len < 0)
		return errno == EOPNOTSUPP ? 0
					   : vzr_fail_errno(err, "cannot list its attributes");
	for (const char *name = w->buffer; name < w->buffer + len; name += strlen(name) + 1) {
		int r = vzr_clone_wants_xattr(name) ? copy_xattr(w, from, to, name, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Owner first: changing it takes setuid bits and capabilities away; attributes may be ACLs. */
static int set_owner_mode(struct vzr_clone_worker *w, const struct stat *want, int to,
			  struct vzr_error *err)
{
	bool give = want->st_uid != w->cloner->uid || want->st_gid != w->cloner->gid;

	if (give && fchown(to, want->st_uid, want->st_gid) < 0)
		return vzr_fail_errno(err, "cannot give it to owner %u:%u", want->st_uid,
				      want->st_gid);
	if (S_ISREG(want->st_mode) && w->masked && !(want->st_mode & 07000))
		return 0;
	if (fchmod(to, want->st_mode & 07777) < 0)
		return vzr_fail_errno(err, "cannot set mode %04o", want->st_mode & 07777);
	return 0;
}

static int read_back(const struct stat *want, int to, struct vzr_error *err)
{
	struct stat st;

	if (fstat(to, &st) < 0)
		return vzr_fail_errno(err, "cannot read its attributes back");
	if (st.st_uid != want->st_uid || st.st_gid != want->st_gid || st.st_mode != want->st_mode)
		return vzr_fail(err, -EIO,
				"owner %u:%u and mode %04o were set, but read back as %u:%u and "
				"%04o",
				want->st_uid, want->st_gid, want->st_mode & 07777, st.st_uid,
				st.st_gid, st.st_mode & 07777);
	if (S_ISREG(want->st_mode) && st.st_size != want->st_size)
		return vzr_fail(err, -EIO, "it has %lld bytes instead of %lld",
				(long long)st.st_size, (long long)want->st_size);
	return 0;
}

int vzr_clone_attributes(struct vzr_clone_worker *worker, int from, const struct stat *st, int to,
			 struct vzr_error *err)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
	int r = set_owner_mode(worker, st, to, err);

	if (r == 0 && !worker->cloner->job->plain)
		r = copy_xattrs(worker, from, to, err);
	if (r < 0)
		return r;
	if (futimens(to, times) < 0)
		return vzr_fail_errno(err, "cannot set its modification time");
	return read_back(st, to, err);
}

int vzr_clone_clean_root(int to, uid_t uid, gid_t gid, struct vzr_error *err)
{
	static const char *const names[] = { "system.posix_acl_default",
					     "system.posix_acl_access" };

	for (size_t i = 0; i < VZR_COUNT(names); i++)
		if (fremovexattr(to, names[i]) < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			return vzr_fail_errno(err, "cannot remove %s", names[i]);
	/* A directory with the setgid bit hands its group down to all that is made in it. */
	if (fchown(to, uid, gid) < 0 || fchmod(to, 0700) < 0)
		return vzr_fail_errno(err, "cannot make the directory our own");
	return 0;
}
