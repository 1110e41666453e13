/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a way to fill a private area is. One file each: engine/area/NAME.c defines vzr_area_NAME. */
#pragma once

#include "engine/unpack/unpack.h"

struct vzr_base;

/** One tree to make. Everything is borrowed. */
struct vzr_area_job {
	struct vzr_context *ctx;
	int staging_fd;		  /**< directory below which the tree is made, 0700 */
	const char *staging_name; /**< name of the tree in it; does not exist yet */
	int archive_fd;		  /**< the template's bytes */
	const struct vzr_digest *digest; /**< what those bytes must be; NULL: not known */
	struct vzr_unpack_limits limits;
	unsigned int writers; /**< threads that write; 0: choose */
	const char *label;    /**< the template's name in messages */
	const struct vzr_base *base; /**< the prepared form, for ways that clone one */
};

/** Does a way clone a prepared form of the template (engine/area/base.h)? */
enum vzr_area_base {
	VZR_AREA_BASE_NONE,  /**< no: it reads the archive */
	VZR_AREA_BASE_FIRST, /**< yes, and making it pays from the first container on */
	VZR_AREA_BASE_LATER  /**< yes, but it costs as much room as a container, and time */
};

#define VZR_AREA_REASON 256

/** Every member is required but open_root. */
struct vzr_area_ops {
	const char *name;    /**< as in --area=NAME; [a-z0-9-] */
	const char *summary; /**< one line */
	enum vzr_area_base base; /**< what it needs in vzr_area_job.base */
	bool pins; /**< containers go on needing the form: it is pinned (vzr_base_pin()) */
	/**
	 * Can it make trees on the file system of @private_fd for @handoff? 1 yes, 0 no;
	 * @reason: one clause. Changes nothing.
	 */
	int (*probe)(int private_fd, const char *handoff, char reason[VZR_AREA_REASON]);
	/**
	 * Makes the tree's directory (mode 0700, empty; a snapshot is whole at once), so that its
	 * inode is known and limits can be set on it before anything is in it. Returns its
	 * descriptor or a negative error.
	 */
	int (*make)(const struct vzr_area_job *job, struct vzr_error *err);
	/** Fills the directory that make() returned. */
	int (*fill)(const struct vzr_area_job *job, int tree_fd,
		    struct vzr_unpack_result *ret_result, struct vzr_error *err);
	/**
	 * Opens the container's root as the target will see it, for changes to it. NULL: it is the
	 * directory that make() returned. Returns a descriptor or a negative error.
	 */
	int (*open_root)(const struct vzr_area_job *job, int tree_fd, struct vzr_error *err);
};

/** Way number @index in order of preference, NULL past the last one. */
const struct vzr_area_ops *vzr_area_get(size_t index);

/** The way of that name, or NULL. */
const struct vzr_area_ops *vzr_area_find(const char *name);
