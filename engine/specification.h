/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was asked for, as one digest: the same specification twice is "same". */
#pragma once

#include "engine/base/error.h"

/**
 * "sha256:HEX" over all that @domain and @request say and that the result depends on (not its
 * comments or white space). NULL when out of memory; the caller frees.
 */
char *vzr_specification_digest(const struct vzr_domain *domain, const struct vzr_request *request);

/** The hostname that the container gets: the document's, or its name unless that is a number. */
const char *vzr_domain_hostname(const struct vzr_domain *domain);
