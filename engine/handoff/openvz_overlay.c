/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Roots that are an overlay: vzctl mounts the private area on VE_ROOT and then runs CTID.mount,
 * which mounts the overlay over it; CTID.umount runs before vzctl unmounts (vzctl(8), ACTION
 * SCRIPTS). Both are written here and know themselves by their second line.
 */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <string.h>

#define MARK "# Written by vzroot for an overlay root; vzroot removes it with the container.\n"
#define HEAD "#!/bin/bash\n" MARK ". /etc/vz/vz.conf && . \"$VE_CONFFILE\" || exit 1\n"
#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@$"

static const char mount_script[] =
	HEAD "exec mount -t overlay overlay \"$VE_ROOT\" -o "
	     "\"lowerdir=%s,upperdir=$VE_PRIVATE/upper,workdir=$VE_PRIVATE/work\"\n";
static const char umount_script[] =
	HEAD "[ \"$(stat -f -c %T \"$VE_ROOT\")\" = overlayfs ] || exit 0\n"
	     "exec umount \"$VE_ROOT\"\n";

static const char *const names[] = {"mount", "umount"};

static char *script_path(const struct vzr_handoff_job *job, size_t i)
{
	char name[32];

	snprintf(name, sizeof(name), "%u.%s", job->ctid, names[i]);
	return vzr_path_join(vzr_setting(job->settings, "VZ_CONF_DIR"), name);
}

/* Paths stand in mount options and in a shell script. */
static int check_path(const char *what, const char *path, struct vzr_error *err)
{
	if (path[strspn(path, SAFE)] == '\0')
		return 0;
	return vzr_fail(err, -VZR_E_UNSUPPORTED,
			"an overlay cannot be mounted by its options: %s '%s' has characters other "
			"than letters, digits and / . _ - + @",
			what, path);
}

int vzr_openvz_overlay_intend(const struct vzr_handoff_job *job, struct vzr_undo *undo,
			      struct vzr_error *err)
{
	int r = check_path("VE_PRIVATE", job->private_path, err);

	if (r == 0)
		r = check_path("the prepared form", job->overlay_lower, err);
	for (size_t i = 0; r == 0 && i < VZR_COUNT(names); i++) {
		VZR_AUTO_FREE char *path = script_path(job, i);

		r = path ? vzr_undo_push(undo, VZR_UNDO_FILE, path, err)
			 : vzr_fail_code(err, -ENOMEM, "cannot record what will be made");
	}
	return r;
}

static int put(const struct vzr_handoff_job *job, int conf_dir, size_t i, const char *text,
	       struct vzr_error *err)
{
	char name[32];
	int r;

	snprintf(name, sizeof(name), "%u.%s", job->ctid, names[i]);
	r = vzr_file_put(conf_dir, name, text, strlen(text), 0755,
			 VZR_PUT_NEW | (job->no_sync ? VZR_PUT_NO_SYNC : 0) |
				 (job->no_dir_sync ? VZR_PUT_NO_DIR_SYNC : 0),
			 err);
	if (r == -EEXIST)
		return vzr_fail(err, -VZR_E_EXISTS,
				"the script %s/%s is there already, and an overlay needs one of "
				"its "
				"own: remove it, or take another --area",
				vzr_setting(job->settings, "VZ_CONF_DIR"), name);
	return r;
}

int vzr_openvz_overlay_put(const struct vzr_handoff_job *job, int conf_dir, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf mount = {0};
	int r = vzr_buf_printf(&mount, mount_script, job->overlay_lower);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot write the scripts of an overlay");
	r = put(job, conf_dir, 0, vzr_buf_cstr(&mount), err);
	return r < 0 ? r : put(job, conf_dir, 1, umount_script, err);
}

bool vzr_openvz_overlay_is_ours(int conf_dir, const char *name)
{
	VZR_AUTO_BUF struct vzr_buf text = {.max = 64u << 10};
	const char *line;

	if (vzr_file_read(conf_dir, name, &text, NULL) < 0)
		return false;
	line = strchr(vzr_buf_cstr(&text), '\n');
	return line && strncmp(line + 1, MARK, strlen(MARK)) == 0;
}
