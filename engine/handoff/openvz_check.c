/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that can be refused before a container of OpenVZ is made. Reads only. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/vz_value.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#define LINK_MAX_VZCTL 512

static int check_id(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	if (job->ctid < VZR_CTID_MIN || job->ctid > VZR_CTID_MAX)
		return vzr_fail(err, -VZR_E_INPUT,
				"%u is no container id of OpenVZ: %u to %u are (those up to 100 "
				"are its own)",
				job->ctid, VZR_CTID_MIN, VZR_CTID_MAX);
	return 0;
}

/* What vzctl's check_name() takes, less the blank, which no name of ours has. */
static int check_name(const char *name, struct vzr_error *err)
{
	bool fine = true;

	for (const char *p = name; fine && *p; p++)
		fine = isalnum((unsigned char)*p) || strchr("-+_.", *p);
	if (!fine || *name == '.')
		return vzr_fail(err, -VZR_E_INPUT,
				"'%s' cannot be the name of a container of OpenVZ: letters, "
				"digits, '-', '+', '_' and '.' only",
				name);
	return 0;
}

/* ---- paths ---- */

static int check_length(const char *path, const char *suffix, struct vzr_error *err)
{
	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot check the paths");
	if (strlen(path) + strlen(suffix) > VZR_OPENVZ_PATH_MAX)
		return vzr_fail(err, -VZR_E_CONFIG,
				"%.120s... is longer than vzctl can use (%d bytes)", path,
				VZR_OPENVZ_PATH_MAX);
	return 0;
}

static int check_veid(const struct vzr_settings *settings, const char *key, struct vzr_error *err)
{
	const char *path = vzr_setting(settings, key);

	if (!strstr(path, "$VEID") && !strstr(path, "${VEID}"))
		return vzr_fail(err, -VZR_E_CONFIG,
				"%s=\"%s\" has no $VEID in it: every container would be the same",
				key, path);
	return 0;
}

static int check_paths(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	VZR_AUTO_FREE char *conf = vzr_openvz_conf_path(job->settings, job->ctid);
	VZR_AUTO_FREE char *root = vzr_openvz_root_path(job->settings, job->ctid);
	VZR_AUTO_FREE char *link = NULL;
	const char *name = vzr_openvz_name(job);
	int r = check_veid(job->settings, "VE_PRIVATE", err);

	if (r == 0)
		r = check_veid(job->settings, "VE_ROOT", err);
	if (r == 0)
		r = check_length(job->private_path, ".tmp", err);
	if (r == 0)
		r = check_length(root, "", err);
	if (r == 0)
		r = check_length(conf, ".destroyed", err);
	if (r < 0 || !name)
		return r;
	link = vzr_path_join(vzr_setting(job->settings, "VZ_NAMES_DIR"), name);
	return check_length(link, "", err);
}

/* ---- the private area ---- */

/* Who may rename entries of the directory could put another tree under the container's name. */
static int check_parent(int fd, const char *path, struct vzr_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot look at the directory of %s", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & S_IWOTH ||
	    (st.st_mode & S_IWGRP && st.st_gid != 0))
		return vzr_fail(err, -VZR_E_CONFIG,
				"the directory of the private area %s can be changed by others "
				"than root: chown it to root and chmod it go-w",
				path);
	return 0;
}

/* 1 if directory @name has an entry, 0 if not, or -errno. */
static int has_entries(int dirfd, const char *name)
{
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	VZR_AUTO_CLOSE int fd =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return -errno;
	fd = -1; /* the stream's now */
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return 1;
	return 0;
}

/* NULL if the private area may be made at @name; else what is there. */
static const char *what_occupies(int dirfd, const char *name, int *ret_error)
{
	struct stat st;
	int r;

	*ret_error = 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		*ret_error = errno == ENOENT ? 0 : -errno;
		return NULL;
	}
	if (S_ISLNK(st.st_mode))
		return "a symbolic link";
	if (!S_ISDIR(st.st_mode))
		return "not a directory";
	r = vzr_openvz_is_mount_point(dirfd, name);
	if (r > 0)
		return "a mount point";
	if (r == 0)
		r = has_entries(dirfd, name);
	if (r > 0)
		return "not empty";
	*ret_error = r;
	return NULL;
}

static int check_private(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	const char *path = job->private_path, *name, *what;
	VZR_AUTO_CLOSE int parent =
		vzr_open_parent_in_root(vzr_settings_root_fd(job->settings), path, &name);
	int r;

	if (parent == -ENOENT)
		return 0;
	if (parent < 0)
		return vzr_fail_code(err, parent, "cannot open the directory of %s", path);
	what = what_occupies(parent, name, &r);
	if (what)
		return vzr_fail(err, -VZR_E_EXISTS,
				"the private area %s is there already and is %s: move it away, or "
				"choose another id with --ctid",
				path, what);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot look at %s", path);
	return check_parent(parent, path, err);
}

/* ---- the name ---- */

int vzr_openvz_name_owner(int dirfd, const char *name, uint32_t *ret_ctid, struct vzr_error *err)
{
	char target[LINK_MAX_VZCTL];
	uint64_t ctid = 0;
	char *base, *end;
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);

	*ret_ctid = 0;
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0 && errno == EINVAL)
		return vzr_fail(err, -VZR_E_INPUT,
				"the name '%s' is taken by something that is no link", name);
	if (n < 0)
		return vzr_fail_errno(err, "cannot read the link of the name '%s'", name);
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	end = base + strspn(base, "0123456789");
	if (strcmp(end, ".conf") != 0)
		return vzr_fail(err, -VZR_E_INPUT,
				"the name '%s' is taken by a link to something that is no "
				"CTID.conf",
				name);
	*end = '\0';
	if (vzr_parse_uint(base, VZR_CTID_MAX, &ctid) == 0)
		*ret_ctid = (uint32_t)ctid;
	return 0;
}

static bool conf_exists(const struct vzr_settings *settings, uint32_t ctid)
{
	VZR_AUTO_FREE char *path = vzr_openvz_conf_path(settings, ctid);
	const char *name;
	VZR_AUTO_CLOSE int dir = -1;
	struct stat st;

	if (!path)
		return true;
	dir = vzr_open_parent_in_root(vzr_settings_root_fd(settings), path, &name);
	return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int vzr_openvz_check_name(const struct vzr_handoff_job *job, int dirfd, const char *name,
			  struct vzr_error *err)
{
	uint32_t owner;
	int r = vzr_openvz_name_owner(dirfd, name, &owner, err);

	/*
	 * A link whose container is gone is free, as it is for vzctl, unless one is being made. Not
	 * "exists": another id would not help.
	 */
	if (r == 0 && owner && owner != job->ctid &&
	    (conf_exists(job->settings, owner) || vzr_openvz_locked_by(job->settings, owner)))
		return vzr_fail(err, -VZR_E_INPUT,
				"the name '%s' is taken by container %u: choose another", name,
				owner);
	return r;
}

static int check_name_free(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	const char *name = vzr_openvz_name(job);
	VZR_AUTO_CLOSE int dir = -1;
	int r;

	if (!name)
		return 0;
	r = check_name(name, err);
	if (r < 0)
		return r;
	dir = vzr_open_in_root(vzr_settings_root_fd(job->settings),
			       vzr_setting(job->settings, "VZ_NAMES_DIR"), O_RDONLY | O_DIRECTORY,
			       0);
	if (dir < 0)
		return dir == -ENOENT ? 0 : vzr_fail_code(err, dir, "cannot open VZ_NAMES_DIR");
	return vzr_openvz_check_name(job, dir, name, err);
}

int vzr_openvz_check(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv conf = { 0 };
	struct vzr_handoff_job quiet = *job;
	int r = check_id(job, err);

	if (r < 0)
		return r;
	if (conf_exists(job->settings, job->ctid))
		return vzr_fail(err, -VZR_E_EXISTS,
				"OpenVZ has a container %u already: choose another id with --ctid",
				job->ctid);
	r = check_paths(job, err);
	if (r == 0)
		r = check_private(job, err);
	if (r == 0)
		r = check_name_free(job, err);
	if (r < 0)
		return r;
	/* The configuration is made for the sake of its refusals; what it says, it says later. */
	quiet.ctx = NULL;
	r = job->domain ? vzr_openvz_prepare(&quiet, &conf, err) : 0;
	if (r == 0 && job->ctx)
		vzr_openvz_tell_rest(job);
	return r;
}
