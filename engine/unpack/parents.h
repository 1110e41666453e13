/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories that members are made in: opened without following links, a few kept open. */
#pragma once

#include "engine/unpack/tally.h"

struct vzr_parents;

/** A cache below @tree_fd (borrowed). Missing directories are counted in @tally. */
VZR_MUST_CHECK int vzr_parents_new(int tree_fd, struct vzr_tally *tally,
				   struct vzr_parents **ret_parents, struct vzr_error *err);
void vzr_parents_free(struct vzr_parents *parents);

/**
 * Opens the directory part of @path and points *ret_name at its last component. What is missing is
 * made, 0755 and root's. Returns a borrowed O_PATH descriptor, valid until the next call.
 * -VZR_E_REFUSED if a component is a link or no directory.
 */
VZR_MUST_CHECK int vzr_parents_get(struct vzr_parents *parents, const char *path,
				   const char **ret_name, struct vzr_error *err);

/** To be called after a directory was removed: descriptors may lead to what is gone. */
void vzr_parents_forget(struct vzr_parents *parents);
