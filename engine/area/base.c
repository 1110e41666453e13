/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a prepared form: found, looked over after another boot, or made. */
#include "engine/area/base_internal.h"

#include "engine/area/manifest.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/subvolume.h"
#include "engine/staging.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* Somebody may evict the form between our making and our holding it; not for ever. */
#define MAX_ROUNDS 100

void vzr_base_done(struct vzr_base *base)
{
	vzr_closep(&base->root_fd);
	vzr_closep(&base->lock_fd);
	base->root_fd = base->lock_fd = -1;
}

static int open_root(int base_fd, const char *hex)
{
	char name[VZR_BASE_NAME];

	snprintf(name, sizeof(name), "%s/root", hex);
	return vzr_open_beneath(base_fd, name, O_RDONLY | O_DIRECTORY, 0);
}

/* ---- with the lock held exclusively ---- */

/* After a crash a tree may lack what a rename made visible early: count, sizes, modes and times. */
static int look_over(const struct vzr_base_job *job, int base_fd, const char *hex,
		     struct vzr_base_facts *facts, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int root = open_root(base_fd, hex);
	VZR_AUTO_CLOSE int dir = vzr_open_beneath(base_fd, hex, O_RDONLY | O_DIRECTORY, 0);
	struct vzr_manifest manifest;
	char text[VZR_MANIFEST_TEXT];
	int r;

	if (root < 0 || dir < 0)
		return 0;
	r = vzr_manifest_read(root, job->ctx, &manifest, err);
	if (r == -VZR_E_CANCELLED)
		return r;
	if (r < 0 || strcmp(vzr_manifest_text(&manifest, text), facts->manifest) != 0)
		return 0;
	r = vzr_boot_id(facts->boot, err);
	if (r == 0)
		r = vzr_base_facts_write(dir, hex, facts, err);
	return r < 0 ? r : 1;
}

static int renew(const struct vzr_base_job *job, int base_fd, const char *hex, bool *ret_made,
		 struct vzr_error *err)
{
	struct vzr_base_facts facts;
	char boot[64];
	int r = vzr_boot_id(boot, err), found;

	if (r < 0)
		return r;
	found = vzr_base_facts_read(base_fd, hex, &facts, NULL);
	if (found == 1 && strcmp(facts.boot, boot) == 0)
		return 0;
	if (found == 1) {
		r = look_over(job, base_fd, hex, &facts, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (found != 0) {
		vzr_warn(job->ctx, "the prepared form of %s is damaged: it is made again",
			 job->label);
		r = vzr_base_drop(job->settings, job->private_path, job->undo, base_fd, hex, err);
	}
	if (r == 0)
		r = vzr_base_room(job, base_fd, err);
	if (r == 0)
		r = vzr_base_make(job, base_fd, hex, err);
	*ret_made = r == 0;
	return r;
}

static int renew_locked(const struct vzr_base_job *job, int base_fd, const char *hex,
			bool *ret_made, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int lock = vzr_base_lock(base_fd, hex, LOCK_EX, job->ctx, err);

	return lock < 0 ? lock : renew(job, base_fd, hex, ret_made, err);
}

/* ---- with the lock shared ---- */

/* 1: @base is complete. 0: there is no form that can be used as it is. */
static int try_open(const struct vzr_base_job *job, int base_fd, const char *hex,
		    struct vzr_base *base, struct vzr_error *err)
{
	struct vzr_base_facts facts;
	char boot[64];
	int r = vzr_boot_id(boot, err);

	if (r == 0)
		r = base->lock_fd = vzr_base_lock(base_fd, hex, LOCK_SH, job->ctx, err);
	if (r < 0)
		return r;
	if (vzr_base_facts_read(base_fd, hex, &facts, NULL) != 1 || strcmp(facts.boot, boot) != 0)
		return 0;
	base->root_fd = open_root(base_fd, hex);
	if (base->root_fd < 0)
		return vzr_fail_code(err, base->root_fd, "cannot open the prepared form");
	base->subvolume = vzr_subvolume_is(base->root_fd);
	base->plain = facts.plain;
	base->inodes = facts.inodes;
	base->bytes = facts.bytes;
	base->kib = facts.kib;
	base->entries = facts.entries;
	/* Only an order for eviction: that it could not be written harms nothing. */
	(void)futimens(base->lock_fd, NULL);
	return 1;
}

int vzr_base_open(const struct vzr_base_job *job, struct vzr_base *ret_base, struct vzr_error *err)
{
	char hex[VZR_DIGEST_HEX];
	VZR_AUTO_CLOSE int base_fd =
		vzr_own_dir_open(job->settings, job->private_path, "base", true, err);
	bool made = false, mine;

	if (base_fd < 0)
		return base_fd;
	vzr_digest_hex(job->digest, hex);
	for (int i = 0; i < MAX_ROUNDS; i++) {
		VZR_AUTO_BASE struct vzr_base base = VZR_BASE_INIT;
		int r = try_open(job, base_fd, hex, &base, err);

		if (r == 1) {
			*ret_base = base;
			base = (struct vzr_base)VZR_BASE_INIT;
			return made;
		}
		vzr_base_done(&base);
		mine = false;
		if (r == 0)
			r = renew_locked(job, base_fd, hex, &mine, err);
		if (r < 0)
			return vzr_wrap(err, r, "cannot prepare %s", job->label);
		made |= mine;
	}
	return vzr_fail(err, -VZR_E_BUSY,
			"the prepared form of %s is removed as often as it is made", job->label);
}

/* ---- without locks ---- */

enum vzr_base_state vzr_base_probe(const struct vzr_settings *settings, const char *private_path,
				   const struct vzr_digest *digest)
{
	VZR_AUTO_CLOSE int base_fd = -1;
	char hex[VZR_DIGEST_HEX], name[VZR_BASE_NAME];
	struct stat st;

	if (!digest || digest->algo != VZR_SHA256)
		return VZR_BASE_UNKNOWN;
	base_fd = vzr_own_dir_open(settings, private_path, "base", false, NULL);
	if (base_fd < 0)
		return VZR_BASE_UNKNOWN;
	vzr_digest_hex(digest, hex);
	if (fstatat(base_fd, hex, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return VZR_BASE_READY;
	snprintf(name, sizeof(name), "%s.lock", hex);
	return fstatat(base_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? VZR_BASE_ASKED
								     : VZR_BASE_UNKNOWN;
}

void vzr_base_ask(const struct vzr_settings *settings, const char *private_path,
		  const struct vzr_digest *digest)
{
	VZR_AUTO_CLOSE int base_fd = vzr_own_dir_open(settings, private_path, "base", true, NULL);
	VZR_AUTO_CLOSE int lock = -1;
	char hex[VZR_DIGEST_HEX];

	if (base_fd >= 0)
		lock = vzr_base_lock(base_fd, vzr_digest_hex(digest, hex), LOCK_SH | LOCK_NB, NULL,
				     NULL);
}
