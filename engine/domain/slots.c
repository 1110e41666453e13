/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits while they are collected: said once, soft below hard, each user and group once. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/size.h"
#include "engine/limits.h"

#include <search.h>
#include <string.h>

#define NAME_BYTES 255		/* of a user or group */
#define ID_MAX (UINT32_MAX - 1) /* 2^32-1 means "no change" to chown() */

static const char *const slot_names[VZR_SLOT_COUNT] = {
	"soft space limit", "hard space limit", "soft inode limit",
	"hard inode limit", "grace time",
};

int vzr_slot_set(struct vzr_load *load, struct vzr_slots *slots, enum vzr_slot_kind kind,
		 uint64_t value, const xmlNode *node)
{
	struct vzr_slot *slot = &slots->slot[kind];

	if (slot->node)
		return vzr_node_fail(load, node,
				     "the %s is given twice (first on line %u); keep one",
				     slot_names[kind], vzr_node_line(load, slot->node));
	if (!value)
		return vzr_node_fail(load, node,
				     "a %s of 0 is not accepted: leave it out for no limit",
				     slot_names[kind]);
	if (value == VZR_NO_LIMIT && kind != VZR_SLOT_BLOCK_SOFT && kind != VZR_SLOT_BLOCK_HARD)
		return vzr_node_fail(load, node, "the %s is too large", slot_names[kind]);
	*slot = (struct vzr_slot){ .value = value, .node = node };
	return 0;
}

static int check_pair(struct vzr_load *load, const struct vzr_slot *soft,
		      const struct vzr_slot *hard, const char *what)
{
	if (!soft->node)
		return 0;
	if (!hard->node)
		return vzr_node_fail(load, soft->node,
				     "a soft %s limit without a hard one cannot be enforced; add "
				     "the hard limit",
				     what);
	if (soft->value > hard->value)
		return vzr_node_fail(load, soft->node,
				     "the soft %s limit (%llu) is above the hard one (%llu of line "
				     "%u); a soft limit is the lower of the two",
				     what, (unsigned long long)soft->value,
				     (unsigned long long)hard->value,
				     vzr_node_line(load, hard->node));
	return 0;
}

static uint64_t slot_kib(const struct vzr_slot *slot)
{
	return slot->node ? vzr_kib_up(slot->value) : VZR_NO_LIMIT;
}

static uint64_t slot_value(const struct vzr_slot *slot)
{
	return slot->node ? slot->value : VZR_NO_LIMIT;
}

int vzr_slots_finish(struct vzr_load *load, const struct vzr_slots *slots,
		     struct vzr_limits *ret_limits)
{
	const struct vzr_slot *s = slots->slot;
	int r = check_pair(load, &s[VZR_SLOT_BLOCK_SOFT], &s[VZR_SLOT_BLOCK_HARD], "space");

	if (r == 0)
		r = check_pair(load, &s[VZR_SLOT_INODE_SOFT], &s[VZR_SLOT_INODE_HARD], "inode");
	if (r < 0)
		return r;
	*ret_limits = (struct vzr_limits){
		.block_soft_kib = slot_kib(&s[VZR_SLOT_BLOCK_SOFT]),
		.block_hard_kib = slot_kib(&s[VZR_SLOT_BLOCK_HARD]),
		.inode_soft = slot_value(&s[VZR_SLOT_INODE_SOFT]),
		.inode_hard = slot_value(&s[VZR_SLOT_INODE_HARD]),
		.grace_s = slot_value(&s[VZR_SLOT_GRACE]),
	};
	return 0;
}

/* ---- users and groups ---- */

struct owner_key {
	const char *name; /* lent by the tree of the document */
	const xmlNode *node;
};

static int compare_keys(const void *a, const void *b)
{
	const struct owner_key *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int check_owner(struct vzr_load *load, const char *what, const char *name,
		       const xmlNode *node)
{
	uint64_t id;

	if (!*name)
		return vzr_node_fail(load, node, "the name of the %s is empty", what);
	if (strlen(name) > NAME_BYTES)
		return vzr_node_fail(load, node, "the name of the %s is longer than %d bytes", what,
				     NAME_BYTES);
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr(":,/", *p))
			return vzr_node_fail(load, node,
					     "%s '%.60s' cannot be a name (no blanks, ':', ',', "
					     "'/' or control characters)",
					     what, name);
	if (name[strspn(name, "0123456789")])
		return 0;
	if (name[0] == '0' && name[1])
		return vzr_node_fail(load, node,
				     "%s id '%.60s' has a leading zero; write it without", what,
				     name);
	if (vzr_parse_uint(name, ID_MAX, &id) < 0)
		return vzr_node_fail(load, node, "%s id %.60s is too large (at most %u)", what,
				     name, ID_MAX);
	return 0;
}

/* Room for one more owner. */
static int grow(struct vzr_owners *owners)
{
	size_t size = owners->size ? owners->size * 2 : 16;
	struct vzr_owner_limits *items;

	if (owners->count < owners->size)
		return 0;
	items = reallocarray(owners->items, size, sizeof(*items));
	if (!items)
		return -ENOMEM;
	owners->items = items;
	owners->size = size;
	return 0;
}

int vzr_owner_add(struct vzr_load *load, struct vzr_owners *owners, const char *name,
		  const struct vzr_limits *limits, const xmlNode *node)
{
	VZR_AUTO_FREE struct owner_key *key = NULL;
	struct owner_key **found;
	char *copy;
	int r = check_owner(load, owners->what, name, node);

	if (r < 0)
		return r;
	key = malloc(sizeof(*key));
	if (!key || grow(owners) < 0)
		return -ENOMEM;
	*key = (struct owner_key){ .name = name, .node = node };
	found = tsearch(key, &owners->index, compare_keys);
	if (!found)
		return -ENOMEM;
	if (*found != key)
		return vzr_node_fail(load, node,
				     "%s '%.60s' has limits twice (first on line %u); keep one",
				     owners->what, name, vzr_node_line(load, (*found)->node));
	(void)vzr_take_ptr(key);
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	owners->items[owners->count++] = (struct vzr_owner_limits){
		.name = copy,
		.limits = *limits,
	};
	return 0;
}

void vzr_owners_done(struct vzr_owners *owners)
{
	tdestroy(owners->index, free);
	owners->index = NULL;
	vzr_owners_free(owners->items, owners->count);
	owners->items = NULL;
	owners->count = owners->size = 0;
}
