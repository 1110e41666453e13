/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of one transaction: a file under STATE_DIR/journal, flocked by its owner while it
 * lives. Its lines say what to take back; a journal whose lock is free has a dead owner.
 *
 * A transaction is committed when the path of its commit record exists (the target's
 * configuration, made by one rename or link). Until then undoing removes all that was recorded;
 * afterwards only what never becomes part of the container: staging and lock.
 */
#pragma once

#include "engine/base/event.h"
#include "engine/settings.h"
#include "engine/undo.h"

/**
 * Starts a transaction called @what ("create", "destroy"). @no_sync: records are not fsynced.
 * The journal directory is made if it is missing.
 */
VZR_MUST_CHECK int vzr_journal_begin(const struct vzr_settings *settings, const char *what,
				     bool no_sync, struct vzr_undo **ret_undo,
				     struct vzr_error *err);

/** Makes every record so far durable, for a transaction that was begun with @no_sync. */
VZR_MUST_CHECK int vzr_journal_sync(struct vzr_undo *undo, struct vzr_error *err);

/** Records that @path (below a staging directory, never published) is to go in any case. */
VZR_MUST_CHECK int vzr_journal_push_staging(struct vzr_undo *undo, const char *path,
					    struct vzr_error *err);

/** Notes the inode of the staged tree: only this one is removed at another path. */
VZR_MUST_CHECK int vzr_journal_note_tree(struct vzr_undo *undo, int tree_fd,
					 struct vzr_error *err);

/** Records the path whose existence means "committed". Call before it can come to exist. */
VZR_MUST_CHECK int vzr_journal_commit_path(struct vzr_undo *undo, const char *path,
					   struct vzr_error *err);

/**
 * Notes that the work has failed before its own commit: should the commit path exist all the same,
 * somebody else made it, and everything is taken back. @undo may be NULL.
 */
void vzr_journal_abort(struct vzr_undo *undo, struct vzr_context *ctx);

/**
 * Ends the transaction: takes back what its state demands (everything, or after the commit only
 * staging and lock) and removes the journal. What cannot be taken back now is a warning event, and
 * the journal stays for the next vzr_journal_recover(). Frees @undo; NULL is fine.
 */
void vzr_journal_end(struct vzr_undo *undo, struct vzr_context *ctx);

/**
 * Records that a recovery must go on with the transaction rather than take it back: its resume
 * function gets @text.
 */
VZR_MUST_CHECK int vzr_journal_push_resume(struct vzr_undo *undo, const char *text,
					   struct vzr_error *err);

/** Lets go of a transaction that cannot go on now; the next recovery ends it. Frees @undo. */
void vzr_journal_leave(struct vzr_undo *undo);

/** Goes on with what vzr_journal_push_resume() recorded. */
struct vzr_journal_resume {
	int (*fn)(void *data, const char *text, struct vzr_error *err); /**< 0 or negative */
	void *data;
};

/** Ends every transaction whose owner is dead. *ret_count of them. @resume may be NULL. */
VZR_MUST_CHECK int vzr_journal_recover(const struct vzr_settings *settings,
				       struct vzr_context *ctx,
				       const struct vzr_journal_resume *resume,
				       unsigned int *ret_count, struct vzr_error *err);
