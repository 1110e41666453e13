/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps by which the catalogue finds a name. */
#pragma once

#include "templates/internal.h"

struct vzr_catalogue {
	struct vzr_catalogue_options options; /**< as given */
	const char *native;		      /**< canonical architecture */
	char machine[65];		      /**< what uname said, for native */
	struct vzr_source **sources;	      /**< by priority */
	size_t n_sources;
};

/** One search: what is wanted, and what went wrong on the way. */
struct vzr_search {
	struct vzr_catalogue *catalogue; /**< borrowed */
	const char *name;		 /**< without "SOURCE:" */
	char only[256];			 /**< the one source to ask; "": all */
	unsigned int flags;		 /**< VZR_RESOLVE_* */
	bool reported;			 /**< failures were warned about already */
	struct vzr_error failure;	 /**< the gravest failure of a source; code 0: none */
};

/** True if @source is enabled and may be asked. */
bool vzr_search_asks(const struct vzr_search *search, const struct vzr_source *source);

/** Notes that a source failed with @why and warns; the search goes on. */
void vzr_search_failed(struct vzr_search *search, const struct vzr_source *source,
		       const struct vzr_error *why);

/** The source called @name, or NULL. Lent. */
struct vzr_source *vzr_catalogue_source(const struct vzr_catalogue *catalogue, const char *name);

/**
 * Reads the record of @name if its bytes are in the store and what they were made from has not
 * changed. 1 yes, 0 no, < 0 error.
 */
VZR_MUST_CHECK int vzr_search_cached(struct vzr_search *search, const char *name,
				     struct vzr_name *ret_record, struct vzr_error *err);

/** An artefact of a cached @record. NULL: out of memory. */
struct vzr_artefact *vzr_artefact_cached(const struct vzr_catalogue *catalogue,
					 const struct vzr_name *record);

/** An artefact as @source describes it; @entry may be NULL. */
VZR_MUST_CHECK int vzr_artefact_offered(struct vzr_source *source, const char *name,
					const struct vzr_entry *entry,
					struct vzr_artefact **ret_artefact, struct vzr_error *err);

/** The best of all that match the search's partial name. -VZR_E_NOT_FOUND, -VZR_E_AMBIGUOUS. */
VZR_MUST_CHECK int vzr_search_partial(struct vzr_search *search, struct vzr_artefact **ret_artefact,
				      struct vzr_error *err);

/** Calls @fn for all that match the search's partial name but @chosen (NULL: nothing is). */
VZR_MUST_CHECK int vzr_search_others(struct vzr_search *search, const struct vzr_artefact *chosen,
				     vzr_candidate_fn fn, void *data, struct vzr_error *err);

/** Fills @err for a name that nobody has: who was asked, what failed, what is close. */
VZR_MUST_CHECK int vzr_search_nothing(struct vzr_search *search, struct vzr_error *err);
