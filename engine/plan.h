/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a plan rests on: the chosen back ends and the template, for provision to execute. */
#pragma once

#include "engine/area/area.h"
#include "engine/base/list.h"
#include "engine/engine.h"
#include "engine/handoff/handoff.h"
#include "engine/quota/quota.h"

/** Every choice for one container. Zero-initialise; vzr_decision_done() releases it. */
struct vzr_decision {
	const struct vzr_handoff_ops *handoff;
	const struct vzr_area_ops *area;
	const struct vzr_area_ops *area_best; /**< the best that the file system allows */
	bool area_forced;		      /**< it was asked for by name */
	char area_reason[VZR_AREA_REASON];    /**< why @area, one clause */
	const struct vzr_quota_ops *quota; /**< NULL: none */
	bool quota_refused;		   /**< the user said --quota=none */
	uint32_t ctid;			   /**< 0: the first free one */
	char *private_path;		   /**< expanded; NULL when ctid is 0 */
	struct vzr_artefact *artefact;
	bool artefact_lent; /**< it belongs to somebody who outlives the decision */
	bool fetched;	    /**< the bytes are in the store under @blob */
	struct vzr_digest blob; /**< SHA-256, when @fetched */
	uint64_t needs_kib;    /**< 0: not known */
	uint64_t needs_inodes; /**< 0: not known */
	uint64_t free_kib;
	uint64_t free_inodes;
	uint64_t evictable_kib;	   /**< taken by prepared forms, which make room for containers */
	uint64_t evictable_inodes; /**< the same */
	struct vzr_list notes; /**< texts */
};

/**
 * Chooses everything for @domain. Changes nothing but what a template source stores of its index.
 * Errors as vzr_plan(). Sends CHOICE events.
 */
VZR_MUST_CHECK int vzr_decide(struct vzr_engine *engine, const struct vzr_domain *domain,
			      const struct vzr_request *request,
			      struct vzr_decision *ret_decision, struct vzr_error *err);
/** The same with a template that was resolved before, which is lent. */
VZR_MUST_CHECK int vzr_decide_with(struct vzr_engine *engine, const struct vzr_domain *domain,
				   const struct vzr_request *request,
				   struct vzr_artefact *artefact,
				   struct vzr_decision *ret_decision, struct vzr_error *err);

/** Chooses decision->handoff only: @asked, else the configured one, else the best. */
VZR_MUST_CHECK int vzr_decide_handoff(struct vzr_engine *engine, const char *asked,
				      struct vzr_decision *d, struct vzr_error *err);
void vzr_decision_done(struct vzr_decision *decision);

/**
 * Does the unpacked template fit the VM's limits and the disk? What is not known (0) fits.
 * -VZR_E_OVER_QUOTA or -VZR_E_NO_SPACE with both numbers.
 */
VZR_MUST_CHECK int vzr_decision_fits(const struct vzr_decision *decision,
				     const struct vzr_domain *domain, struct vzr_error *err);

/**
 * The same for the limits @vm that the target's configuration has in the end, its sample's among
 * them, and a tree of @kib and @inodes. -VZR_E_OVER_QUOTA with both numbers.
 */
VZR_MUST_CHECK int vzr_decision_fits_sample(const struct vzr_decision *decision,
					    const struct vzr_limits *vm, uint64_t kib,
					    uint64_t inodes, struct vzr_error *err);

/** The quota job that @domain asks for, for a container that @decision describes. */
struct vzr_quota_job vzr_decision_quota_job(struct vzr_engine *engine,
					    const struct vzr_decision *decision,
					    const struct vzr_domain *domain);
