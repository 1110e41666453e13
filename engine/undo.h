/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo records: what a stage writes down, on disk, before it acts. */
#pragma once

#include "engine/base/error.h"

/** The transaction that records belong to. Made by engine/journal.h. */
struct vzr_undo;

/** What undoing does with the path of a record. Paths are as the target sees them. */
enum vzr_undo_kind {
	VZR_UNDO_TREE,	    /**< remove the directory tree with this inode, whatever its name now */
	VZR_UNDO_FILE,	    /**< remove the file, if it is not older than the transaction */
	VZR_UNDO_DIRECTORY, /**< remove the directory if it is empty */
	VZR_UNDO_LOCK	    /**< remove the vzctl lock file if it holds our process id */
};

/**
 * Writes a record for @path durably before the caller makes it. A stage calls this first, then
 * acts. On failure of a later step, or after a crash, records run backwards.
 */
VZR_MUST_CHECK int vzr_undo_push(struct vzr_undo *undo, enum vzr_undo_kind kind, const char *path,
				 struct vzr_error *err);
