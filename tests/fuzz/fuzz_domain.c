/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a domain's XML: what is accepted keeps its promises, what is not is explained. */
#include "engine/vzroot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_limits(const struct vzr_limits *l)
{
	if (l->block_soft_kib != VZR_NO_LIMIT && l->block_soft_kib > l->block_hard_kib)
		abort();
	if (l->inode_soft != VZR_NO_LIMIT && l->inode_soft > l->inode_hard)
		abort();
	if (!l->block_hard_kib || !l->inode_hard || !l->grace_s)
		abort();
}

static void check_owners(const struct vzr_owner_limits *owners, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!owners[i].name || !*owners[i].name || strpbrk(owners[i].name, "/:\n"))
			abort();
		check_limits(&owners[i].limits);
	}
}

static void check_domain(const struct vzr_domain *domain)
{
	const struct vzr_filesystem *root = &domain->root;

	if (!domain->type || !domain->name || !*domain->name || strchr(domain->name, '\n'))
		abort();
	if (domain->uuid && strlen(domain->uuid) != 36)
		abort();
	if (root->type == VZR_ROOT_NONE ? root->source || root->target
					: !root->source || !root->target)
		abort();
	if (root->type == VZR_ROOT_TEMPLATE && (strchr(root->source, '/') || !*root->source))
		abort();
	check_limits(&domain->vm);
	check_owners(domain->users, domain->n_users);
	check_owners(domain->groups, domain->n_groups);
	for (size_t i = 0; i < domain->n_warnings; i++)
		if (strncmp(domain->warnings[i], "line ", 5) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vzr_error err = { 0 };
	struct vzr_domain *domain = NULL;
	int r = vzr_domain_load("fuzz.xml", (const char *)data, size, &domain, &err);

	if (r == 0)
		check_domain(domain);
	else if (domain || r != err.code || !err.line || !err.column || !*err.msg)
		abort();
	vzr_domain_free(domain);
	return 0;
}
