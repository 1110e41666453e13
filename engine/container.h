/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record of a container that vzroot made: STATE_DIR/containers/CTID.json. */
#pragma once

#include "engine/settings.h"
#include "engine/undo.h"

/** Pushes the undo record of vzr_record_put() for @ctid, long before it. */
VZR_MUST_CHECK int vzr_record_intend(const struct vzr_settings *settings, uint32_t ctid,
				     struct vzr_undo *undo, struct vzr_error *err);

/** Writes the record, new and durable. Pushes its undo record. -EEXIST if there is one. */
VZR_MUST_CHECK int vzr_record_put(const struct vzr_settings *settings,
				  const struct vzr_container *container, bool no_sync,
				  struct vzr_undo *undo, struct vzr_error *err);

/** Reads the record of @ctid; -VZR_E_NOT_FOUND. */
VZR_MUST_CHECK int vzr_record_get(const struct vzr_settings *settings, uint32_t ctid,
				  struct vzr_container **ret_container, struct vzr_error *err);

/** Opens the directory of the records. -ENOENT (no message): nothing was ever made. */
VZR_MUST_CHECK int vzr_records_open(const struct vzr_settings *settings);

/** Reads file @name of that directory, the record of @ctid. May be called by any thread. */
VZR_MUST_CHECK int vzr_record_read(int dir_fd, const char *name, uint32_t ctid,
				   struct vzr_container **ret_container, struct vzr_error *err);

/** True if there is a record of @ctid. */
bool vzr_record_exists(const struct vzr_settings *settings, uint32_t ctid);

/** Removes the record; nothing there is no error. */
VZR_MUST_CHECK int vzr_record_remove(const struct vzr_settings *settings, uint32_t ctid,
				     struct vzr_error *err);
