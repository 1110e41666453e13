/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a prepared form: unpacked in staging, synced, then visible by one rename. */
#include "engine/area/base_internal.h"

#include "engine/area/manifest.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/subvolume.h"
#include "engine/journal.h"
#include "engine/staging.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

static int make_dirs(const struct vzr_staging *staging, int *ret_dir, int *ret_root,
		     struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = -1;
	int r;

	if (mkdirat(staging->fd, staging->name, 0700) < 0)
		return vzr_fail_errno(err, "cannot make the staging directory %s", staging->name);
	dir = vzr_open_beneath(staging->fd, staging->name, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return vzr_fail_code(err, dir, "cannot open the staging directory");
	r = vzr_is_btrfs(dir) ? vzr_subvolume_make(dir, "root") : -EOPNOTSUPP;
	/* No subvolume: snapshots are not possible then, everything else is. */
	if (r < 0 && mkdirat(dir, "root", 0700) < 0)
		return vzr_fail_errno(err, "cannot make the staging directory");
	*ret_root = vzr_open_beneath(dir, "root", O_RDONLY | O_DIRECTORY, 0);
	if (*ret_root < 0)
		return vzr_fail_code(err, *ret_root, "cannot open the staging directory");
	if (fchmod(*ret_root, 0700) < 0)
		return vzr_fail_errno(err, "cannot make the staging directory private");
	*ret_dir = vzr_take_fd(dir);
	return 0;
}

static int unpack(const struct vzr_base_job *job, int root, struct vzr_base_facts *facts,
		  struct vzr_error *err)
{
	const struct vzr_unpack_job unpack_job = {
		.ctx = job->ctx,
		.archive_fd = job->archive_fd,
		.digest = job->digest,
		.tree_fd = root,
		.limits = { .kib = vzr_setting_number(job->settings, "MAX_UNPACKED"),
			    .inodes = vzr_setting_number(job->settings, "MAX_INODES") },
		.writers = (unsigned int)vzr_setting_number(job->settings, "WRITERS"),
		.label = job->label,
	};
	struct vzr_unpack_result result;
	int r = vzr_unpack(&unpack_job, &result, err);

	if (r < 0)
		return r;
	facts->inodes = result.inodes;
	facts->bytes = result.bytes;
	facts->kib = result.kib;
	facts->entries = result.entries;
	return 0;
}

static int describe(const struct vzr_base_job *job, int dir, int root, const char *hex,
		    struct vzr_base_facts *facts, struct vzr_error *err)
{
	struct vzr_manifest manifest;
	int r = vzr_manifest_read(root, job->ctx, &manifest, err);

	if (r == 0)
		r = vzr_boot_id(facts->boot, err);
	if (r < 0)
		return r;
	facts->plain = manifest.xattrs == 0;
	vzr_manifest_text(&manifest, facts->manifest);
	return vzr_base_facts_write(dir, hex, facts, err);
}

static int publish(const struct vzr_staging *staging, int dir, int root, int base_fd,
		   const char *hex, struct vzr_error *err)
{
	int r = vzr_subvolume_is(root) ? vzr_subvolume_set_readonly(root, true) : 0;

	if (r < 0)
		return vzr_fail_code(err, r, "cannot make the prepared form read-only");
	/* The rename must not reach the disk before what it makes visible. */
	if (syncfs(dir) < 0)
		return vzr_fail_errno(err, "cannot sync the prepared form");
	if (renameat2(staging->fd, staging->name, base_fd, hex, RENAME_NOREPLACE) < 0)
		return vzr_fail_errno(err, "cannot publish the prepared form");
	r = vzr_fsync_dir(base_fd);
	return r < 0 ? vzr_fail_code(err, r, "cannot sync the prepared forms' directory") : 0;
}

static int make(const struct vzr_base_job *job, int base_fd, const char *hex,
		struct vzr_error *err)
{
	struct vzr_staging staging = VZR_STAGING_INIT;
	struct vzr_base_facts facts = { 0 };
	VZR_AUTO_CLOSE int dir = -1, root = -1;
	int r = vzr_staging_open(job->settings, job->private_path, 0, job->undo, &staging, err);

	if (r == 0)
		r = vzr_journal_sync(job->undo, err);
	if (r == 0)
		r = make_dirs(&staging, &dir, &root, err);
	if (r == 0)
		r = unpack(job, root, &facts, err);
	if (r == 0)
		r = describe(job, dir, root, hex, &facts, err);
	if (r == 0)
		r = publish(&staging, dir, root, base_fd, hex, err);
	/* At once: who goes on without a prepared form may need the room. */
	if (r < 0 && staging.fd >= 0 && vzr_rm_tree(staging.fd, staging.name, NULL) < 0)
		vzr_debug(job->ctx, "%s stays until the journal ends", staging.name);
	vzr_staging_close(&staging);
	return r;
}

int vzr_base_make(const struct vzr_base_job *job, int base_fd, const char *hex,
		  struct vzr_error *err)
{
	uint64_t begun = vzr_stage_begin(job->ctx, "prepare");

	return vzr_stage_end(job->ctx, "prepare", begun, make(job, base_fd, hex, err));
}

int vzr_base_drop(const struct vzr_settings *settings, const char *private_path,
		  struct vzr_undo *undo, int base_fd, const char *hex, struct vzr_error *err)
{
	struct vzr_staging staging = VZR_STAGING_INIT;
	int r = vzr_staging_open(settings, private_path, 0, undo, &staging, err);

	if (r == 0 && renameat2(base_fd, hex, staging.fd, staging.name, RENAME_NOREPLACE) < 0 &&
	    errno != ENOENT)
		r = vzr_fail_errno(err, "cannot take the prepared form %s away", hex);
	if (r == 0)
		r = vzr_rm_tree(staging.fd, staging.name, err);
	vzr_staging_close(&staging);
	return r;
}
