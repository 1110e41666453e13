/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prepared forms: templates unpacked once, to clone containers from.
 *
 *   PRIVATE-FS/.vzroot/base/HEX/root    the tree (a read-only subvolume where there are such)
 *   PRIVATE-FS/.vzroot/base/HEX/state   KEY="value": what it is, the boot it was seen whole in
 *   PRIVATE-FS/.vzroot/base/HEX.lock    flocked: shared while it is cloned from, exclusively while
 *                                       it is made, looked over or removed. Its modification time
 *                                       is the form's last use. Without HEX/: asked for once
 *   PRIVATE-FS/.vzroot/base/HEX.pins/CTID    a container that lives on the form: it stays
 *
 * HEX is the SHA-256 of the template's bytes. HEX/ appears whole by one rename and never changes.
 */
#pragma once

#include "engine/area/area.h"
#include "engine/settings.h"
#include "engine/undo.h"

/** A prepared form, held so that nobody removes it. */
struct vzr_base {
	int lock_fd;   /**< -1: none */
	int root_fd;   /**< the tree */
	bool subvolume;	 /**< the tree is a read-only btrfs subvolume */
	bool plain;	 /**< nothing in it has extended attributes */
	uint64_t inodes; /**< of the tree, the root included */
	uint64_t bytes;	 /**< sum of file contents */
	uint64_t kib;	 /**< room the tree takes with 4 KiB blocks */
	uint64_t entries; /**< members that the archive had */
};
#define VZR_BASE_INIT                                                                              \
	{                                                                                          \
		.lock_fd = -1, .root_fd = -1                                                       \
	}
void vzr_base_done(struct vzr_base *base);
#define VZR_AUTO_BASE __attribute__((cleanup(vzr_base_done)))

/** Which form, and what to make it of. Everything is borrowed. */
struct vzr_base_job {
	struct vzr_context *ctx;
	const struct vzr_settings *settings;
	const char *private_path;	 /**< a private area beside which forms are kept */
	const struct vzr_digest *digest; /**< SHA-256 of the template's bytes */
	struct vzr_undo *undo;		 /**< the transaction that making or evicting belongs to */
	int archive_fd;			 /**< the template's bytes */
	const char *label;		 /**< the template's name in messages */
	uint64_t needs_kib;		 /**< room the tree will take; 0: not known */
	uint64_t needs_inodes;		 /**< 0: not known */
	uint64_t also_kib;		 /**< room that must be left besides: for a copy of it */
	uint64_t also_inodes;		 /**< the same */
};

/**
 * Opens the form, making it first if it is missing: of many who ask at once one makes it and the
 * others wait. One last seen whole in another boot is looked over before, and made again if
 * something is wrong. 0: it was there, 1: it was made. -VZR_E_NO_SPACE if it would leave less room
 * than the setting BASE_RESERVE, even without the forms that nobody holds. Errors as vzr_unpack().
 */
VZR_MUST_CHECK int vzr_base_open(const struct vzr_base_job *job, struct vzr_base *ret_base,
				 struct vzr_error *err);

enum vzr_base_state {
	VZR_BASE_UNKNOWN, /**< nobody asked for it yet */
	VZR_BASE_ASKED,	  /**< asked for once, or being made */
	VZR_BASE_READY	  /**< it is there */
};

/** What is known of the form @digest (any algorithm; only SHA-256 has forms). Changes nothing. */
enum vzr_base_state vzr_base_probe(const struct vzr_settings *settings, const char *private_path,
				   const struct vzr_digest *digest);

/** Remembers that a container of this template was made without a prepared form. */
void vzr_base_ask(const struct vzr_settings *settings, const char *private_path,
		  const struct vzr_digest *digest);

/** Path of the form's tree, as the target sees it; owned by the caller. NULL: out of memory. */
char *vzr_base_root_path(const char *private_path, const struct vzr_digest *digest);

/** Path of the file that pins the form for container @ctid; for its undo record. The same. */
char *vzr_base_pin_path(const char *private_path, const struct vzr_digest *digest, uint32_t ctid);

/** Pins a form that the caller holds: it is not removed before vzr_base_unpin(). */
VZR_MUST_CHECK int vzr_base_pin(const struct vzr_settings *settings, const char *private_path,
				const struct vzr_digest *digest, uint32_t ctid,
				struct vzr_error *err);

/** Takes the pin away; none there is no error. */
VZR_MUST_CHECK int vzr_base_unpin(const struct vzr_settings *settings, const char *private_path,
				  const struct vzr_digest *digest, uint32_t ctid,
				  struct vzr_error *err);

/**
 * Room to leave free on a file system of @total_kib by @text: "10%" or KiB. -VZR_E_CONFIG.
 */
VZR_MUST_CHECK int vzr_base_reserve(const char *text, uint64_t total_kib, uint64_t *ret_kib,
				    struct vzr_error *err);

/** Room that all forms there take, on a file system where they share it with nothing. */
void vzr_base_evictable(const struct vzr_settings *settings, const char *private_path,
			uint64_t *ret_kib, uint64_t *ret_inodes);

/** A form as prune meets it. */
struct vzr_base_found {
	char hex[VZR_DIGEST_HEX]; /**< SHA-256 of the template's bytes */
	int64_t last_use;	  /**< seconds since 1970 */
	uint64_t kib;		  /**< 0: not known */
	uint64_t inodes;	  /**< 0: not known */
};

/** Whether and how forms go. */
struct vzr_base_prune {
	struct vzr_context *ctx;
	const struct vzr_settings *settings;
	const char *private_path;
	struct vzr_undo *undo;	/**< NULL: only look */
	int64_t unused_since;	/**< forms used after this time stay; INT64_MAX: none does */
	const char *only;	/**< hex of the one form that may go; NULL: all */
	uint64_t until_kib;	/**< stop once so much is free; 0: go on */
	uint64_t until_inodes;	/**< and so many inodes */
	/** Told of each form: 1 removed (or would be), 0 in use. May be NULL. */
	void (*fn)(void *data, const struct vzr_base_found *found, int removed);
	void *data;
};

/** Removes forms that nobody holds, the least recently used first. */
VZR_MUST_CHECK int vzr_base_prune(const struct vzr_base_prune *prune, struct vzr_error *err);
