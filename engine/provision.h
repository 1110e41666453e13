/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One creation in steps, for who makes many at once and shares the waiting for the disk.
 *
 * The promise of vzr_create() holds for each of them: a crash leaves the finished container or
 * none. What vzr_create() reaches with a sync after each act, many reach with three syncs of the
 * whole file system that all of them share:
 *
 *   build     lock, tree, quota file, and records of all that the later steps will make
 *   -- sync --  whatever is in the tree, and how to take everything back, is on disk
 *   place     the tree gets its final name; record of the container, link of its name
 *   -- sync --  the tree is at its place on disk; still nothing shows a container
 *   announce  the target's configuration: its content is synced, then it gets its name
 *   -- sync --  the container outlives a power cut: only now may anybody be told, and only now
 *               may the journal go
 *
 * A power cut before the second sync is over finds records of everything that may be there, and no
 * configuration: all of it is taken back. After it, the configuration is there or not, and
 * everything that it needs is there in either case; the journal, which outlives the third sync,
 * goes by whether it is. Between two syncs the order of acts on disk does not matter.
 */
#pragma once

#include "engine/plan.h"

struct vzr_creation;

/** A creation over @decision (taken over: left empty), whose ctid must be set. */
VZR_MUST_CHECK int vzr_creation_new(struct vzr_engine *engine, const struct vzr_domain *domain,
				    const struct vzr_request *request,
				    struct vzr_decision *decision,
				    struct vzr_creation **ret_creation, struct vzr_error *err);

/** Everything up to the ready tree and its configuration in memory. Nobody sees it. */
VZR_MUST_CHECK int vzr_creation_build(struct vzr_creation *creation, struct vzr_error *err);

/** The tree gets its final name. What build made must be durable. */
VZR_MUST_CHECK int vzr_creation_place(struct vzr_creation *creation, struct vzr_error *err);

/** The container becomes visible. What place made must be durable. */
VZR_MUST_CHECK int vzr_creation_announce(struct vzr_creation *creation, struct vzr_error *err);

/**
 * Ends the transaction: takes everything back unless the container was announced (which must be
 * durable by then), and releases the lock. NULL is fine.
 */
void vzr_creation_free(struct vzr_creation *creation);
