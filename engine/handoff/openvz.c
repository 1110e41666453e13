/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenVZ 6, simfs: the private area is the root, CTID.conf makes it a container. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <string.h>

#define VZCTL "/usr/sbin/vzctl"

char *vzr_openvz_conf_path(const struct vzr_settings *settings, uint32_t ctid)
{
	char name[32];

	snprintf(name, sizeof(name), "%u.conf", ctid);
	return vzr_path_join(vzr_setting(settings, "VZ_CONF_DIR"), name);
}

char *vzr_openvz_root_path(const struct vzr_settings *settings, uint32_t ctid)
{
	return vzr_path_expand(vzr_setting(settings, "VE_ROOT"), ctid);
}

const char *vzr_openvz_name(const struct vzr_handoff_job *job)
{
	/* vzctl takes digits for an id, never for a name. */
	if (!job->name || job->name[strspn(job->name, "0123456789")] == '\0')
		return NULL;
	return job->name;
}

static bool exists_in_root(const struct vzr_settings *settings, const char *path)
{
	VZR_AUTO_CLOSE int fd = vzr_open_in_root(vzr_settings_root_fd(settings), path, O_PATH, 0);

	return fd >= 0;
}

static int probe(const struct vzr_settings *settings, char reason[VZR_HANDOFF_REASON])
{
	bool is_host = strcmp(vzr_settings_root(settings), "/") == 0;
	bool conf = exists_in_root(settings, vzr_setting(settings, "VZ_CONF_DIR"));
	bool vzctl = exists_in_root(settings, VZCTL);
	bool kernel = is_host && exists_in_root(settings, "/proc/vz");

	snprintf(reason, VZR_HANDOFF_REASON, "%s%s%s%s",
		 conf ? vzr_setting(settings, "VZ_CONF_DIR") : "there is no ",
		 conf ? " is there" : vzr_setting(settings, "VZ_CONF_DIR"),
		 vzctl ? ", " VZCTL " is there" : ", there is no " VZCTL,
		 !is_host ? ""
		 : kernel ? ", the kernel is OpenVZ's"
			  : ", the running kernel is not OpenVZ's: containers can be made, not "
			    "started");
	return conf || vzctl || kernel;
}

static char *private_path(const struct vzr_settings *settings, uint32_t ctid)
{
	const char *path = vzr_setting(settings, "VE_PRIVATE");

	return ctid ? vzr_path_expand(path, ctid) : strdup(path);
}

static int exists(const struct vzr_settings *settings, uint32_t ctid, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_openvz_conf_path(settings, ctid);
	const char *name;
	VZR_AUTO_CLOSE int dir = -1;
	struct stat st;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot look for container %u", ctid);
	dir = vzr_open_parent_in_root(vzr_settings_root_fd(settings), path, &name);
	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return vzr_fail_code(err, dir, "cannot open the directory of %s", path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : vzr_fail_errno(err, "cannot look at %s", path);
}

/* vzctl mounts the root when it starts a container, and unmounts it when it stops. */
static int root_is_mounted(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_openvz_root_path(job->settings, job->ctid);
	const char *name;
	VZR_AUTO_CLOSE int dir = -1;
	int r;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot look at container %u", job->ctid);
	dir = vzr_open_parent_in_root(vzr_settings_root_fd(job->settings), path, &name);
	if (dir == -ENOENT)
		return 0;
	r = dir < 0 ? dir : vzr_openvz_is_mount_point(dir, name);
	return r < 0 ? vzr_fail_code(err, r, "cannot look at %s", path) : r;
}

/* Something of the administrator's that would go with the private area, or keep it from going. */
static int refuse_mounts(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = vzr_open_in_root(vzr_settings_root_fd(job->settings),
						  job->private_path, O_PATH | O_DIRECTORY, 0);
	VZR_AUTO_FREE char *mounted = NULL;
	int r = dir < 0 ? 0 : vzr_openvz_mount_below(dir, &mounted);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot tell what is mounted in %s",
				     job->private_path);
	return r == 0 ? 0
		      : vzr_fail(err, -VZR_E_BUSY,
				 "something is mounted at %s in the private area of container %u: "
				 "unmount it first",
				 mounted, job->ctid);
}

static int running(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	int r;

	if (vzr_openvz_locked_by(job->settings, job->ctid))
		return 1;
	r = root_is_mounted(job, err);
	return r == 0 ? refuse_mounts(job, err) : r;
}

const struct vzr_handoff_ops vzr_handoff_openvz = {
	.name = "openvz",
	.summary = "OpenVZ 6 (vzctl 4.x), simfs: VE_PRIVATE and CTID.conf",
	.probe = probe,
	.private_path = private_path,
	.exists = exists,
	.check = vzr_openvz_check,
	.lock = vzr_openvz_lock,
	.unlock = vzr_openvz_unlock,
	.prepare = vzr_openvz_prepare,
	.intend = vzr_openvz_intend,
	.place = vzr_openvz_place,
	.announce = vzr_openvz_announce,
	.commit_path = vzr_openvz_conf_path,
	.running = running,
	.unpublish = vzr_openvz_unpublish,
};
