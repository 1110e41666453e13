/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo records: what a stage writes down, on disk, before it acts. */
#pragma once

#include "engine/base/error.h"
#include "engine/settings.h"

/** The transaction that records belong to. Made by engine/journal.h. */
struct vzr_undo;

/** What undoing does with the path of a record. Paths are as the target sees them. */
enum vzr_undo_kind {
	VZR_UNDO_TREE,	    /**< remove the directory if it is this transaction's staged tree */
	VZR_UNDO_FILE,	    /**< remove the file or link, if it is not older than the transaction */
	VZR_UNDO_DIRECTORY, /**< remove the directory if it is empty */
	VZR_UNDO_LOCK,	    /**< remove the vzctl lock file if it holds our process id */
	VZR_UNDO_LINK	    /**< remove the symbolic link if it leads to the commit path */
};

/**
 * Writes a record for @path durably before the caller makes it. A stage calls this first, then
 * acts. If the transaction does not come to its commit, records run backwards.
 */
VZR_MUST_CHECK int vzr_undo_push(struct vzr_undo *undo, enum vzr_undo_kind kind, const char *path,
				 struct vzr_error *err);

/**
 * Opens directory @path (as the target sees it), making what is missing with exactly @mode; each
 * one made is recorded, so that it goes again when it is empty and the transaction fails.
 * Returns the descriptor.
 */
VZR_MUST_CHECK int vzr_undo_mkdirs(struct vzr_undo *undo, const struct vzr_settings *settings,
				   const char *path, mode_t mode, struct vzr_error *err);
