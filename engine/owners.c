/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and groups with limits: their ids in a tree, and copies of them. */
#include "engine/owners.h"

#include "engine/guest/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vzr_owners_resolve(int tree_fd, const struct vzr_owner_limits *asked, size_t count,
		       bool is_group, struct vzr_owner_limits **ret_owners, struct vzr_error *err)
{
	struct vzr_owner_limits *owners = count ? calloc(count, sizeof(*owners)) : NULL;

	if (count && !owners)
		return vzr_fail_code(err, -ENOMEM, "cannot set quotas");
	*ret_owners = owners;
	for (size_t i = 0; i < count; i++) {
		int r;

		owners[i] = asked[i];
		r = vzr_guest_find_id(tree_fd, asked[i].name, is_group, &owners[i].id, err);
		if (r < 0)
			return r;
		owners[i].resolved = true;
		for (size_t j = 0; j < i; j++)
			if (owners[j].id == owners[i].id)
				return vzr_fail(err, -VZR_E_INPUT,
						"%s '%s' and '%s' are the same id %u in the "
						"template: limit it once",
						is_group ? "groups" : "users", owners[j].name,
						owners[i].name, owners[i].id);
	}
	return 0;
}

int vzr_owners_dup(const struct vzr_owner_limits *from, size_t count,
		   const struct vzr_owner_limits *names, size_t n_names,
		   struct vzr_owner_limits **ret, size_t *ret_count)
{
	*ret = count ? calloc(count, sizeof(**ret)) : NULL;
	if (count && !*ret)
		return -ENOMEM;
	*ret_count = count;
	for (size_t i = 0; i < count; i++) {
		const char *name = from[i].name;

		/* A back end knows ids only; the document knows the names. */
		for (size_t j = 0; !name && j < n_names; j++)
			if (names[j].id == from[i].id)
				name = names[j].name;
		(*ret)[i] = from[i];
		(*ret)[i].name = name ? strdup(name) : NULL;
		if (name && !(*ret)[i].name)
			return -ENOMEM;
	}
	return 0;
}
