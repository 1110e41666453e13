/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The staging directory beside the private areas. */
#include "engine/staging.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/journal.h"

#include <string.h>
#include <sys/random.h>

#define OWN_DIR ".vzroot"
#define STAGING OWN_DIR "/staging"

/* "/vz/private/101" -> "/vz/private/.vzroot/staging" */
static char *directory_of(const char *private_path)
{
	VZR_AUTO_FREE char *parent = strdup(private_path);
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash)
		return NULL;
	*slash = '\0';
	return vzr_path_join(parent, STAGING);
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

int vzr_staging_open(const struct vzr_settings *settings, const char *private_path,
		     uint32_t ctid, struct vzr_undo *undo, struct vzr_staging *ret_staging,
		     struct vzr_error *err)
{
	VZR_AUTO_FREE char *dir = directory_of(private_path), *path = NULL;
	VZR_AUTO_CLOSE int fd = -1;
	uint64_t random;
	int r;

	if (!dir || getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return vzr_fail_code(err, -ENOMEM, "cannot open the staging directory");
	snprintf(ret_staging->name, sizeof(ret_staging->name), "%u-%016llx", ctid,
		 (unsigned long long)random);
	path = vzr_path_join(dir, ret_staging->name);
	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot open the staging directory");
	fd = vzr_mkdirs_in_root(vzr_settings_root_fd(settings), dir, 0700, err);
	if (fd < 0)
		return fd;
	r = check_private(fd, dir, err);
	if (r == 0)
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
