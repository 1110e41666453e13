/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the OpenVZ 6 target share. */
#pragma once

#include "engine/handoff/handoff.h"

#define VZR_OPENVZ_PATH_MAX 255 /* vzctl cuts paths at 256 bytes without a word */

/** Path of CTID.conf; owned by the caller. NULL when out of memory. */
char *vzr_openvz_conf_path(const struct vzr_settings *settings, uint32_t ctid);

/** Path where the container's root is mounted; owned by the caller. NULL when out of memory. */
char *vzr_openvz_root_path(const struct vzr_settings *settings, uint32_t ctid);

/** The name for NAME= and the names/ link; NULL if the container goes by its number only. */
const char *vzr_openvz_name(const struct vzr_handoff_job *job);

/* ---- openvz_mounts.c ---- */

/** 1 if @name in @dirfd is a directory that something is mounted on, 0 if not, or -errno. */
VZR_MUST_CHECK int vzr_openvz_is_mount_point(int dirfd, const char *name);

/**
 * 1 if something is mounted below the directory @dir (not on it), with its path for the caller
 * to free; 0 if not, also where there is no /proc to tell; or -errno.
 */
VZR_MUST_CHECK int vzr_openvz_mount_below(int dir, char **ret_path);

/* ---- openvz_lock.c: vzctl's lock file ---- */

/** The lock() and unlock() of struct vzr_handoff_ops. */
VZR_MUST_CHECK int vzr_openvz_lock(const struct vzr_handoff_job *job, struct vzr_undo *undo,
				   struct vzr_error *err);
void vzr_openvz_unlock(const struct vzr_handoff_job *job);

/** Process id of the living owner of the lock; 0 if there is none or it is this process. */
pid_t vzr_openvz_locked_by(const struct vzr_settings *settings, uint32_t ctid);

/* ---- openvz_check.c ---- */

/** The check() of struct vzr_handoff_ops. */
VZR_MUST_CHECK int vzr_openvz_check(const struct vzr_handoff_job *job, struct vzr_error *err);

/**
 * Which container link @name of the names directory @dirfd leads to: 0 if it is absent or leads
 * to none, else its id. -VZR_E_INPUT if it is something else than a link to a CTID.conf.
 */
VZR_MUST_CHECK int vzr_openvz_name_owner(int dirfd, const char *name, uint32_t *ret_ctid,
					 struct vzr_error *err);

/**
 * Refuses @name (-VZR_E_INPUT) if its link in the names directory @dirfd leads to a container of
 * another id, also to one that is being made.
 */
VZR_MUST_CHECK int vzr_openvz_check_name(const struct vzr_handoff_job *job, int dirfd,
					 const char *name, struct vzr_error *err);

/* ---- openvz_conf.c: CTID.conf in memory ---- */

/** The prepare() of struct vzr_handoff_ops. */
VZR_MUST_CHECK int vzr_openvz_prepare(const struct vzr_handoff_job *job, struct vzr_kv *ret_conf,
				      struct vzr_error *err);

/* ---- openvz_sample.c ---- */

/**
 * Fills @conf from the sample that the document or CONFIGFILE names; *ret_name (lent) for
 * ORIGIN_SAMPLE. Where there is no sample at all, from a built-in one. -VZR_E_NOT_FOUND if there
 * are others only, -VZR_E_CONFIG if somebody else than root can write it.
 */
VZR_MUST_CHECK int vzr_openvz_sample(const struct vzr_handoff_job *job, struct vzr_kv *conf,
				     const char **ret_name, struct vzr_error *err);

/** True if the document names a sample and the built-in one is used, as there is none. */
bool vzr_openvz_sample_ignored(const struct vzr_handoff_job *job);

/* ---- openvz_rest.c ---- */

/** Warns, by job->ctx, of everything in the document that OpenVZ cannot carry. */
void vzr_openvz_tell_rest(const struct vzr_handoff_job *job);

/* ---- openvz_net.c: the parameters of the network ---- */

/** Has OpenVZ interfaces of @type ("bridge", ...)? */
bool vzr_openvz_has_interface(const char *type);

/** Sets IP_ADDRESS, NETIF and NAMESERVER as the domain says. */
VZR_MUST_CHECK int vzr_openvz_net(const struct vzr_handoff_job *job, struct vzr_kv *conf,
				  struct vzr_error *err);

/* ---- openvz_overlay.c: the action scripts of an overlay root ---- */

/**
 * Records that the scripts will be made. -VZR_E_UNSUPPORTED if a path cannot stand in the options
 * of a mount. job->overlay_lower must be set.
 */
VZR_MUST_CHECK int vzr_openvz_overlay_intend(const struct vzr_handoff_job *job,
					     struct vzr_undo *undo, struct vzr_error *err);

/** Writes CTID.mount and CTID.umount into @conf_dir. -VZR_E_EXISTS if others are there. */
VZR_MUST_CHECK int vzr_openvz_overlay_put(const struct vzr_handoff_job *job, int conf_dir,
					  struct vzr_error *err);

/** Is the script @name in @conf_dir one that vzr_openvz_overlay_put() wrote? */
bool vzr_openvz_overlay_is_ours(int conf_dir, const char *name);

/* ---- openvz_publish.c ---- */

/** The intend(), place(), announce() and unpublish() of struct vzr_handoff_ops. */
VZR_MUST_CHECK int vzr_openvz_intend(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
				     struct vzr_undo *undo, struct vzr_error *err);
VZR_MUST_CHECK int vzr_openvz_place(const struct vzr_handoff_job *job, const struct vzr_kv *conf,
				    struct vzr_undo *undo, struct vzr_error *err);
VZR_MUST_CHECK int vzr_openvz_announce(const struct vzr_handoff_job *job,
				       const struct vzr_kv *conf, struct vzr_undo *undo,
				       struct vzr_error *err);
VZR_MUST_CHECK int vzr_openvz_unpublish(const struct vzr_handoff_job *job, struct vzr_undo *undo,
					struct vzr_error *err);
