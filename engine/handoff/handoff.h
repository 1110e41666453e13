/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handoff target is. One file each: engine/handoff/NAME.c defines vzr_handoff_NAME. */
#pragma once

#include "engine/base/event.h"
#include "engine/base/kv.h"
#include "engine/settings.h"
#include "engine/undo.h"

/** One container on its way to the target. Everything is borrowed. */
struct vzr_handoff_job {
	struct vzr_context *ctx;
	const struct vzr_settings *settings;
	const struct vzr_domain *domain; /**< NULL for destroy and status */
	uint32_t ctid;
	const char *name;		 /**< the container's name; decimal CTID if it has none */
	const char *uuid;		 /**< 8-4-4-4-12 */
	const char *private_path;	 /**< expanded, as the target sees it */
	const char *template_name;
	const struct vzr_kv *quota_conf; /**< what the quota back end wants in the configuration */
	bool quota_none;		 /**< the user asked for no quota: say so to the target */
	int staging_fd;			 /**< directory that holds the ready tree ... */
	const char *staging_name;	 /**< ... under this name, same file system */
	const char *overlay_lower; /**< the tree that the private area is an overlay over, as the
				      target sees it; NULL: the private area is the root */
	bool no_sync;
	bool sync_records; /**< lock(): the undo record is made durable before the lock is taken */
	bool no_dir_sync; /**< announce(): the content is fsynced here, the directory elsewhere */
};

#define VZR_HANDOFF_REASON 256

/** Every member is required. */
struct vzr_handoff_ops {
	const char *name;    /**< as in --handoff=NAME; [a-z0-9-] */
	const char *summary; /**< one line */
	/** Would the target run containers here? 1 yes, 0 not found; @reason: one clause. */
	int (*probe)(const struct vzr_settings *settings, char reason[VZR_HANDOFF_REASON]);
	/** The path of the container's private area, as the target sees it; owned by the caller. */
	char *(*private_path)(const struct vzr_settings *settings, uint32_t ctid);
	/** 1 if the target knows a container of that id, 0 if the id is free, < 0 error. */
	int (*exists)(const struct vzr_settings *settings, uint32_t ctid, struct vzr_error *err);
	/**
	 * Everything that can be refused before anything is made: id and name free, private area
	 * absent or empty, values that the target cannot take. Reads only. With job->ctx it warns
	 * of what the target has no counterpart for.
	 */
	int (*check)(const struct vzr_handoff_job *job, struct vzr_error *err);
	/** Takes the target's own lock of the container. -VZR_E_BUSY. Pushes its undo record. */
	int (*lock)(const struct vzr_handoff_job *job, struct vzr_undo *undo,
		    struct vzr_error *err);
	/** Releases it. Errors become warning events. */
	void (*unlock)(const struct vzr_handoff_job *job);
	/** Makes the configuration in memory: what publish() will write, for read-back. */
	int (*prepare)(const struct vzr_handoff_job *job, struct vzr_kv *ret_conf,
		       struct vzr_error *err);
	/**
	 * Pushes the undo records of all that place() will make and changes nothing else, so that
	 * the records of many containers can be made durable at once.
	 */
	int (*intend)(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
		      struct vzr_undo *undo, struct vzr_error *err);
	/** The tree gets its final name; nobody sees a container yet. Pushes undo records. */
	int (*place)(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
		     struct vzr_undo *undo, struct vzr_error *err);
	/** The target's configuration makes the container visible, last and atomically. */
	int (*announce)(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
			struct vzr_undo *undo, struct vzr_error *err);
	/** Path whose existence means that announce() came to its end; owned by the caller. */
	char *(*commit_path)(const struct vzr_settings *settings, uint32_t ctid);
	/** 1 running, 0 not running, < 0 error: a running container is not destroyed. */
	int (*running)(const struct vzr_handoff_job *job, struct vzr_error *err);
	/**
	 * For destroy: removes the configuration first (the container is no longer visible), then
	 * moves the private area to @staging_fd / @staging_name for the caller to remove.
	 * Idempotent.
	 */
	int (*unpublish)(const struct vzr_handoff_job *job, struct vzr_undo *undo,
			 struct vzr_error *err);
};

/** Target number @index in order of preference, NULL past the last one. */
const struct vzr_handoff_ops *vzr_handoff_get(size_t index);

/** The target of that name, or NULL. */
const struct vzr_handoff_ops *vzr_handoff_find(const char *name);
