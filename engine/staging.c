/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The staging directory beside the private areas. */
#include "engine/staging.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/journal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define OWN_DIR ".vzroot"

/* Opens @dir, "/vz/private/.vzroot/NAME": only what is ours in it is made private. */
static int make_dirs(const struct vzr_settings *settings, const char *parent, const char *dir,
		     struct vzr_error *err)
{
	int root = vzr_settings_root_fd(settings);
	VZR_AUTO_CLOSE int fd = vzr_mkdirs_in_root(root, parent, 0755, err);

	return fd < 0 ? fd : vzr_mkdirs_in_root(root, dir, 0700, err);
}

/* Others must not be able to look into trees whose setuid files and devices are not in place. */
static int check_private(int fd, const char *path, struct vzr_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot look at %s", path);
	if (st.st_uid != geteuid() || st.st_mode & (S_IRWXG | S_IRWXO))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s must belong to root with mode 0700: run chown root %s && "
				"chmod 0700 %s",
				path, path, path);
	return 0;
}

/* "/vz/private" of "/vz/private/101". NULL when out of memory. */
static char *parent_of(const char *private_path)
{
	const char *slash = strrchr(private_path, '/');

	return slash == private_path ? strdup("/")
				     : strndup(private_path, (size_t)(slash - private_path));
}

/* Publishing is a rename: known to be impossible, it is refused before anything is unpacked. */
static int check_same_fs(const struct vzr_settings *settings, const char *parent, int fd,
			 const char *path, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int above = vzr_open_in_root(vzr_settings_root_fd(settings), parent,
						    O_RDONLY | O_DIRECTORY, 0);
	struct stat a, b;

	if (above < 0)
		return vzr_fail_code(err, above, "cannot open %s", parent);
	if (fstat(above, &a) < 0 || fstat(fd, &b) < 0)
		return vzr_fail_errno(err, "cannot look at %s", path);
	if (a.st_dev != b.st_dev)
		return vzr_fail(err, -VZR_E_CONFIG,
				"%s is not on the file system of %s: unmount what is mounted there",
				path, parent);
	return 0;
}

char *vzr_own_dir_path(const char *private_path, const char *name)
{
	VZR_AUTO_FREE char *parent = strchr(private_path, '/') ? parent_of(private_path) : NULL;
	VZR_AUTO_FREE char *own = parent ? vzr_path_join(parent, OWN_DIR) : NULL;

	return own ? vzr_path_join(own, name) : NULL;
}

int vzr_own_dir_open(const struct vzr_settings *settings, const char *private_path,
		     const char *name, bool make, struct vzr_error *err)
{
	VZR_AUTO_FREE char *dir = vzr_own_dir_path(private_path, name);
	VZR_AUTO_FREE char *parent = dir ? parent_of(private_path) : NULL;
	VZR_AUTO_CLOSE int fd = -1;
	int r;

	if (!dir || !parent)
		return vzr_fail_code(err, -ENOMEM, "cannot open directory %s", name);
	if (make)
		fd = make_dirs(settings, parent, dir, err);
	else
		fd = vzr_open_in_root(vzr_settings_root_fd(settings), dir, O_RDONLY | O_DIRECTORY,
				      0);
	if (fd < 0)
		return make || fd == -ENOENT ? fd : vzr_fail_code(err, fd, "cannot open %s", dir);
	r = check_private(fd, dir, err);
	if (r == 0)
		r = check_same_fs(settings, parent, fd, dir, err);
	return r < 0 ? r : vzr_take_fd(fd);
}

int vzr_staging_open(const struct vzr_settings *settings, const char *private_path,
		     uint32_t ctid, struct vzr_undo *undo, struct vzr_staging *ret_staging,
		     struct vzr_error *err)
{
	VZR_AUTO_FREE char *dir = NULL, *path = NULL;
	VZR_AUTO_CLOSE int fd = -1;
	uint64_t random;
	int r;

	if (!strchr(private_path, '/'))
		return vzr_fail(err, -VZR_E_INPUT, "'%s' is not an absolute path", private_path);
	dir = vzr_own_dir_path(private_path, "staging");
	if (!dir || getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return vzr_fail_code(err, -ENOMEM, "cannot open the staging directory");
	snprintf(ret_staging->name, sizeof(ret_staging->name), "%u-%016llx", ctid,
		 (unsigned long long)random);
	path = vzr_path_join(dir, ret_staging->name);
	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot open the staging directory");
	fd = vzr_own_dir_open(settings, private_path, "staging", true, err);
	if (fd < 0)
		return fd;
	r = vzr_journal_push_staging(undo, path, err);
	if (r < 0)
		return r;
	ret_staging->fd = vzr_take_fd(fd);
	return 0;
}

void vzr_staging_close(struct vzr_staging *staging)
{
	vzr_closep(&staging->fd);
	staging->fd = -1;
}
