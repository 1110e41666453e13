/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ways to fill an area share. */
#pragma once

#include "engine/area/area.h"
#include "engine/area/clone.h"

/** A make() that makes an empty directory of mode 0700. */
VZR_MUST_CHECK int vzr_area_make_dir(const struct vzr_area_job *job, struct vzr_error *err);

/** A fill() that clones @job->base, content by @how. */
VZR_MUST_CHECK int vzr_area_fill_clone(const struct vzr_area_job *job, enum vzr_clone_how how,
				       int tree_fd, struct vzr_unpack_result *ret_result,
				       struct vzr_error *err);

/** What @job->base says of the tree that a clone of it is. */
void vzr_area_result_of_base(const struct vzr_area_job *job,
			     struct vzr_unpack_result *ret_result);
