/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A container of OpenVZ becomes visible, CTID.conf last; and goes again, CTID.conf first. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define CONF_MAX (512u << 10)

/* Scripts that vzctl runs on the host for one container, and its own for a destroyed one. */
static const char *const scripts[] = { "premount", "mount", "start", "stop", "umount",
				       "postumount" };

static int sync_dir(const struct vzr_handoff_job *job, int dir, const char *path,
		    struct vzr_error *err)
{
	int r = job->no_sync ? 0 : vzr_fsync_dir(dir);

	return r < 0 ? vzr_fail_code(err, r, "cannot sync the directory of %s", path) : 0;
}

static int open_parent(const struct vzr_handoff_job *job, const char *path, const char **ret_name)
{
	return vzr_open_parent_in_root(vzr_settings_root_fd(job->settings), path, ret_name);
}

/* Like rename(2) of a directory that replaces nothing, also where the flag is not known. */
static int rename_new(int from, const char *from_name, int to, const char *to_name)
{
	struct stat st;

	if (renameat2(from, from_name, to, to_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (fstatat(to, to_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(from, from_name, to, to_name) < 0 ? -errno : 0;
}

/* ---- publish ---- */

static int open_tree(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = openat(job->staging_fd, job->staging_name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return vzr_fail_errno(err, "cannot open the staged tree");
	/* Whatever the archive says of its top: nobody could enter the container else. */
	if (fchmod(fd, 0755) < 0)
		return vzr_fail_errno(err, "cannot set the mode of the private area");
	return vzr_take_fd(fd);
}

static char *parent_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? strndup(path, (size_t)(slash - path)) : strdup("/");
}

static int move_tree(const struct vzr_handoff_job *job, struct vzr_undo *undo,
		     struct vzr_error *err)
{
	VZR_AUTO_FREE char *dir_path = parent_path(job->private_path);
	const char *name = strrchr(job->private_path, '/') + 1;
	VZR_AUTO_CLOSE int tree = open_tree(job, err);
	VZR_AUTO_CLOSE int dir = -1;
	int r;

	if (tree < 0)
		return tree;
	if (!dir_path)
		return vzr_fail_code(err, -ENOMEM, "cannot publish %s", job->private_path);
	dir = vzr_undo_mkdirs(undo, job->settings, dir_path, 0755, err);
	if (dir < 0)
		return dir;
	r = vzr_undo_push(undo, VZR_UNDO_TREE, job->private_path, err);
	if (r < 0)
		return r;
	r = rename_new(job->staging_fd, job->staging_name, dir, name);
	/* An empty directory may be there; rmdir(2) removes nothing else. */
	if (r == -EEXIST && unlinkat(dir, name, AT_REMOVEDIR) == 0)
		r = rename_new(job->staging_fd, job->staging_name, dir, name);
	if (r == -EEXIST)
		return vzr_fail(err, -VZR_E_EXISTS, "the private area %s is there already",
				job->private_path);
	if (r == -EXDEV)
		return vzr_fail(err, -VZR_E_CONFIG,
				"the private area %s is not on the file system of its staging "
				"directory",
				job->private_path);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot move the tree to %s", job->private_path);
	return sync_dir(job, dir, job->private_path, err);
}

static int make_root(const struct vzr_handoff_job *job, struct vzr_undo *undo,
		     struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_openvz_root_path(job->settings, job->ctid);
	VZR_AUTO_CLOSE int dir = -1;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot make VE_ROOT");
	dir = vzr_undo_mkdirs(undo, job->settings, path, 0755, err);
	return dir < 0 ? dir : 0;
}

static int link_name(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
		     struct vzr_undo *undo, struct vzr_error *err)
{
	const char *name = vzr_kv_get(conf, "NAME");
	const char *names = vzr_setting(job->settings, "VZ_NAMES_DIR");
	VZR_AUTO_FREE char *target = vzr_openvz_conf_path(job->settings, job->ctid);
	VZR_AUTO_FREE char *path = name ? vzr_path_join(names, name) : NULL;
	VZR_AUTO_CLOSE int dir = -1;
	int r;

	if (!name)
		return 0;
	if (!target || !path)
		return vzr_fail_code(err, -ENOMEM, "cannot make the link of the name");
	dir = vzr_undo_mkdirs(undo, job->settings, names, 0755, err);
	if (dir < 0)
		return dir;
	r = vzr_undo_push(undo, VZR_UNDO_LINK, path, err);
	/* Since check() another may have taken it, or be on the way to. */
	while (r == 0 && flock(dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return vzr_fail_errno(err, "cannot lock %s", names);
	if (r == 0)
		r = vzr_openvz_check_name(job, dir, name, err);
	if (r < 0)
		return r;
	/* What is there leads to no container. */
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return vzr_fail_errno(err, "cannot remove the old link %s", path);
	if (symlinkat(target, dir, name) < 0)
		return vzr_fail_errno(err, "cannot make the link %s", path);
	return sync_dir(job, dir, path, err);
}

/* What an earlier container of this id left: vzctl would mix it with ours. */
static int remove_leftovers(const struct vzr_handoff_job *job, int conf_dir, struct vzr_error *err)
{
	const char *dir = vzr_setting(job->settings, "VZ_CONF_DIR");
	struct stat st;
	char name[48];

	snprintf(name, sizeof(name), "%u.conf.destroyed", job->ctid);
	if (unlinkat(conf_dir, name, 0) < 0 && errno != ENOENT)
		return vzr_fail_errno(err, "cannot remove %s/%s", dir, name);
	for (size_t i = 0; i < VZR_COUNT(scripts); i++) {
		snprintf(name, sizeof(name), "%u.%s.destroyed", job->ctid, scripts[i]);
		if (unlinkat(conf_dir, name, 0) < 0 && errno != ENOENT)
			return vzr_fail_errno(err, "cannot remove %s/%s", dir, name);
		snprintf(name, sizeof(name), "%u.%s", job->ctid, scripts[i]);
		if (fstatat(conf_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			vzr_warn(job->ctx, "vzctl will run the script %s/%s for this container",
				 dir, name);
	}
	return 0;
}

static int put_conf(const struct vzr_handoff_job *job, const struct vzr_kv *conf, int conf_dir,
		    struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = CONF_MAX };
	char name[32];
	int r = vzr_kv_emit(conf, &buf);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot write the configuration");
	snprintf(name, sizeof(name), "%u.conf", job->ctid);
	r = vzr_file_put(conf_dir, name, vzr_buf_cstr(&buf), buf.len, 0644,
			 VZR_PUT_NEW | (job->no_sync ? VZR_PUT_NO_SYNC : 0) |
				 (job->no_dir_sync ? VZR_PUT_NO_DIR_SYNC : 0),
			 err);
	if (r == -EEXIST)
		return vzr_fail(err, -VZR_E_EXISTS,
				"OpenVZ has got a container %u in the meantime", job->ctid);
	return r < 0 ? vzr_wrap(err, r, "%s", vzr_setting(job->settings, "VZ_CONF_DIR")) : 0;
}

int vzr_openvz_intend(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
		      struct vzr_undo *undo, struct vzr_error *err)
{
	const char *name = vzr_kv_get(conf, "NAME");
	const char *names = vzr_setting(job->settings, "VZ_NAMES_DIR");
	VZR_AUTO_FREE char *root = vzr_openvz_root_path(job->settings, job->ctid);
	VZR_AUTO_FREE char *link = name ? vzr_path_join(names, name) : NULL;
	VZR_AUTO_CLOSE int dir = -1;
	int r;

	if (!root || (name && !link))
		return vzr_fail_code(err, -ENOMEM, "cannot record what will be made");
	r = vzr_undo_push(undo, VZR_UNDO_TREE, job->private_path, err);
	dir = vzr_open_in_root(vzr_settings_root_fd(job->settings), root, O_PATH, 0);
	if (r == 0 && dir == -ENOENT)
		r = vzr_undo_push(undo, VZR_UNDO_DIRECTORY, root, err);
	if (r == 0 && link)
		r = vzr_undo_push(undo, VZR_UNDO_LINK, link, err);
	if (r == 0 && job->overlay_lower)
		r = vzr_openvz_overlay_intend(job, undo, err);
	return r;
}

int vzr_openvz_place(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
		     struct vzr_undo *undo, struct vzr_error *err)
{
	int r = move_tree(job, undo, err);

	if (r == 0)
		r = make_root(job, undo, err);
	return r == 0 ? link_name(job, conf, undo, err) : r;
}

int vzr_openvz_announce(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
			struct vzr_undo *undo, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int conf_dir = -1;
	int r;

	conf_dir = vzr_undo_mkdirs(undo, job->settings, vzr_setting(job->settings, "VZ_CONF_DIR"),
				   0755, err);
	if (conf_dir < 0)
		return conf_dir;
	r = remove_leftovers(job, conf_dir, err);
	if (r == 0 && job->overlay_lower)
		r = vzr_openvz_overlay_put(job, conf_dir, err);
	return r == 0 ? put_conf(job, conf, conf_dir, err) : r;
}

/* ---- unpublish ---- */

static int remove_conf(const struct vzr_handoff_job *job, int conf_dir, struct vzr_error *err)
{
	char name[48], old[64];

	snprintf(name, sizeof(name), "%u.conf", job->ctid);
	if (unlinkat(conf_dir, name, 0) < 0 && errno != ENOENT)
		return vzr_fail_errno(err, "cannot remove %s/%s",
				      vzr_setting(job->settings, "VZ_CONF_DIR"), name);
	/* As vzctl does: they are the administrator's, but must not run for the next of this id. */
	for (size_t i = 0; i < VZR_COUNT(scripts); i++) {
		snprintf(name, sizeof(name), "%u.%s", job->ctid, scripts[i]);
		snprintf(old, sizeof(old), "%s.destroyed", name);
		if (vzr_openvz_overlay_is_ours(conf_dir, name)) {
			if (unlinkat(conf_dir, name, 0) < 0)
				return vzr_fail_errno(err, "cannot remove %s/%s",
						      vzr_setting(job->settings, "VZ_CONF_DIR"),
						      name);
			continue;
		}
		if (renameat(conf_dir, name, conf_dir, old) < 0 && errno != ENOENT)
			return vzr_fail_errno(err, "cannot rename %s/%s",
					      vzr_setting(job->settings, "VZ_CONF_DIR"), name);
	}
	return sync_dir(job, conf_dir, "the configuration", err);
}

/* Links are found by where they lead: after a crash the configuration can no longer tell. */
static int remove_names(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	const char *path = vzr_setting(job->settings, "VZ_NAMES_DIR");
	VZR_AUTO_CLOSE int fd = vzr_open_in_root(vzr_settings_root_fd(job->settings), path,
						 O_RDONLY | O_DIRECTORY, 0);
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	const struct dirent *entry;
	bool removed = false;

	if (fd < 0)
		return fd == -ENOENT ? 0 : vzr_fail_code(err, fd, "cannot open %s", path);
	dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (!dir)
		return vzr_fail_errno(err, "cannot read %s", path);
	while ((entry = readdir(dir))) {
		uint32_t owner;

		if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
			continue;
		if (vzr_openvz_name_owner(fd, entry->d_name, &owner, NULL) < 0 ||
		    owner != job->ctid)
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT)
			return vzr_fail_errno(err, "cannot remove the link %s/%s", path,
					      entry->d_name);
		removed = true;
	}
	return removed ? sync_dir(job, fd, path, err) : 0;
}

/* A mount point that is in use, or that somebody put files into, is not worth a failure. */
static int remove_root(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_openvz_root_path(job->settings, job->ctid);
	const char *name;
	VZR_AUTO_CLOSE int dir = path ? open_parent(job, path, &name) : -ENOMEM;

	if (dir == -ENOENT || (dir >= 0 && unlinkat(dir, name, AT_REMOVEDIR) == 0))
		return 0;
	if (dir < 0)
		return vzr_fail_code(err, dir, "cannot remove the mount point %s",
				     path ? path : "");
	if (errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY && errno != ENOTDIR)
		return vzr_fail_errno(err, "cannot remove the mount point %s", path);
	vzr_warn(job->ctx, "cannot remove %s: %s", path, strerrordesc_np(errno));
	return 0;
}

static int take_tree(const struct vzr_handoff_job *job, struct vzr_error *err)
{
	const char *name;
	VZR_AUTO_CLOSE int dir = open_parent(job, job->private_path, &name);
	int r;

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return vzr_fail_code(err, dir, "cannot open the directory of %s",
				     job->private_path);
	r = rename_new(dir, name, job->staging_fd, job->staging_name);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return vzr_fail_code(err, r, "cannot move %s away", job->private_path);
	return sync_dir(job, dir, job->private_path, err);
}

int vzr_openvz_unpublish(const struct vzr_handoff_job *job, struct vzr_undo *undo,
			 struct vzr_error *err)
{
	VZR_AUTO_CLOSE int conf_dir = vzr_open_in_root(vzr_settings_root_fd(job->settings),
						       vzr_setting(job->settings, "VZ_CONF_DIR"),
						       O_RDONLY | O_DIRECTORY, 0);
	int r = 0;

	(void)undo; /* nothing is made; what is removed is not put back */
	if (conf_dir < 0 && conf_dir != -ENOENT)
		return vzr_fail_code(err, conf_dir, "cannot open VZ_CONF_DIR");
	if (conf_dir >= 0)
		r = remove_conf(job, conf_dir, err);
	if (r == 0)
		r = remove_names(job, err);
	if (r == 0)
		r = remove_root(job, err);
	return r < 0 ? r : take_tree(job, err);
}
