/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of prepared forms share. */
#pragma once

#include "engine/area/base.h"

#define VZR_BASE_NAME (VZR_DIGEST_HEX + 8)

/** What a form's state file says. */
struct vzr_base_facts {
	uint64_t inodes;   /**< of the tree */
	uint64_t bytes;	   /**< sum of file contents */
	uint64_t kib;	   /**< room it takes */
	uint64_t entries;  /**< members of the archive */
	bool plain;	   /**< nothing has extended attributes */
	char boot[64];	   /**< the boot in which it was last seen whole */
	char manifest[160]; /**< of the tree: vzr_manifest_text() */
};

/** Reads base/HEX/state. 1, or 0 if there is no form, or a negative error if it is damaged. */
VZR_MUST_CHECK int vzr_base_facts_read(int base_fd, const char *hex,
				       struct vzr_base_facts *ret_facts, struct vzr_error *err);

/** Writes @dir_fd/state durably. */
VZR_MUST_CHECK int vzr_base_facts_write(int dir_fd, const char *hex,
					const struct vzr_base_facts *facts, struct vzr_error *err);

/** Identity of the running boot, into @out (64 bytes). */
VZR_MUST_CHECK int vzr_boot_id(char out[64], struct vzr_error *err);

/**
 * Takes HEX.lock in @base_fd by @operation (LOCK_SH or LOCK_EX), waiting unless LOCK_NB is in it.
 * Returns the descriptor; -VZR_E_BUSY (with LOCK_NB), -VZR_E_CANCELLED.
 */
VZR_MUST_CHECK int vzr_base_lock(int base_fd, const char *hex, int operation,
				 struct vzr_context *ctx, struct vzr_error *err);

/** Makes room for @needs_kib and inodes by BASE_RESERVE, evicting forms. -VZR_E_NO_SPACE. */
VZR_MUST_CHECK int vzr_base_room(const struct vzr_base_job *job, int base_fd,
				 struct vzr_error *err);

/** Unpacks the form and publishes it; the caller holds its lock exclusively. */
VZR_MUST_CHECK int vzr_base_make(const struct vzr_base_job *job, int base_fd, const char *hex,
				 struct vzr_error *err);

/** Does any container live on the form @hex? Also true if it cannot be told. */
bool vzr_base_is_pinned(int base_fd, const char *hex);

/** Removes the directory of pins, which must be empty. */
VZR_MUST_CHECK int vzr_base_drop_pins(int base_fd, const char *hex, struct vzr_error *err);

/** Takes HEX/ away by one rename into a staging directory of @undo. The lock file stays. */
VZR_MUST_CHECK int vzr_base_drop(const struct vzr_settings *settings, const char *private_path,
				 struct vzr_undo *undo, int base_fd, const char *hex,
				 struct vzr_error *err);
