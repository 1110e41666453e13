/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories of the target that a transaction makes, each recorded before it is made. */
#include "engine/undo.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <string.h>

/* Makes @path, whose parent exists, unless somebody else was faster. */
static int make_one(struct vzr_undo *undo, int root_fd, const char *path, mode_t mode,
		    struct vzr_error *err)
{
	const char *name;
	VZR_AUTO_CLOSE int parent = vzr_open_parent_in_root(root_fd, path, &name);
	struct stat st;
	int r;

	if (parent < 0)
		return vzr_fail_code(err, parent, "cannot make directory %s", path);
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	r = vzr_undo_push(undo, VZR_UNDO_DIRECTORY, path, err);
	if (r < 0)
		return r;
	if (mkdirat(parent, name, mode) < 0)
		return errno == EEXIST ? 0
				       : vzr_fail_errno(err, "cannot make directory %s", path);
	/* Whatever the umask of the caller is. */
	if (fchmodat(parent, name, mode, 0) < 0)
		return vzr_fail_errno(err, "cannot set the mode of %s", path);
	return 0;
}

int vzr_undo_mkdirs(struct vzr_undo *undo, const struct vzr_settings *settings, const char *path,
		    mode_t mode, struct vzr_error *err)
{
	VZR_AUTO_FREE char *prefix = strdup(path);
	int root_fd = vzr_settings_root_fd(settings);
	int fd;

	if (!prefix)
		return vzr_fail_code(err, -ENOMEM, "cannot make directory %s", path);
	fd = vzr_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd < 0 ? vzr_fail_code(err, fd, "cannot open directory %s", path) : fd;
	for (char *p = prefix; *p;) {
		char *name = p + strspn(p, "/");
		char *end = name + strcspn(name, "/");
		char saved = *end;
		int r;

		if (end == name)
			break;
		*end = '\0';
		r = make_one(undo, root_fd, prefix, mode, err);
		if (r < 0)
			return r;
		*end = saved;
		p = end;
	}
	fd = vzr_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? vzr_fail_code(err, fd, "cannot open directory %s", path) : fd;
}
