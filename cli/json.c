/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shapes of --json. */
#include "cli/json.h"

#include <stdarg.h>
#include <string.h>

static json_t *need(json_t *value)
{
	if (!value)
		vzr_cli_no_memory();
	return value;
}

json_t *vzr_cli_json_text(const char *text)
{
	json_t *string;
	size_t size;
	CLI_AUTO_FREE char *escaped = NULL;

	if (!text)
		return json_null();
	string = json_string(text);
	if (string)
		return string;
	/* Not UTF-8: a file name may hold any byte. */
	size = 4 * strlen(text) + 1;
	escaped = malloc(size);
	if (!escaped)
		vzr_cli_no_memory();
	return need(json_string(vzr_escape(escaped, size, text)));
}

json_t *vzr_cli_json_number(uint64_t value)
{
	return need(json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

json_t *vzr_cli_json_optional(uint64_t value, uint64_t none)
{
	return value == none ? json_null() : vzr_cli_json_number(value);
}

json_t *vzr_cli_json_pack(const char *fmt, ...)
{
	json_t *value;
	va_list ap;

	va_start(ap, fmt);
	value = json_vpack_ex(NULL, 0, fmt, ap);
	va_end(ap);
	return need(value);
}

json_t *vzr_cli_json_error(const struct vzr_error *err)
{
	return vzr_cli_json_pack("{s:s, s:o, s:o, s:o}", "code", vzr_error_name(err->code),
				 "message", vzr_cli_json_text(err->msg), "line",
				 vzr_cli_json_optional(err->line, 0), "column",
				 vzr_cli_json_optional(err->column, 0));
}

json_t *vzr_cli_json_domain(const struct vzr_domain *domain)
{
	static const struct vzr_domain none = { 0 };
	const struct vzr_domain *d = domain ? domain : &none;

	return vzr_cli_json_pack("{s:o, s:o, s:o, s:o}", "type", vzr_cli_json_text(d->type), "name",
				 vzr_cli_json_text(d->name), "uuid", vzr_cli_json_text(d->uuid),
				 "ctid", vzr_cli_json_optional(d->ctid, 0));
}

json_t *vzr_cli_json_root(const struct vzr_domain *domain)
{
	static const struct vzr_filesystem none = { .type = VZR_ROOT_NONE };
	const struct vzr_filesystem *root = domain ? &domain->root : &none;

	return vzr_cli_json_pack("{s:s, s:o, s:o}", "type", vzr_root_type_name(root->type),
				 "source", vzr_cli_json_text(root->source), "target",
				 vzr_cli_json_text(root->target));
}

/* The keys of @limits, put into @object. */
static json_t *add_limits(json_t *object, const struct vzr_limits *limits)
{
	const struct {
		const char *key;
		uint64_t value;
	} members[] = {
		{ "block_soft_kib", limits->block_soft_kib },
		{ "block_hard_kib", limits->block_hard_kib },
		{ "inode_soft", limits->inode_soft },
		{ "inode_hard", limits->inode_hard },
		{ "grace_s", limits->grace_s },
	};

	for (size_t i = 0; i < CLI_COUNT(members); i++)
		if (json_object_set_new(object, members[i].key,
					vzr_cli_json_optional(members[i].value, VZR_NO_LIMIT)) < 0)
			vzr_cli_no_memory();
	return object;
}

static json_t *owners_array(const struct vzr_owner_limits *owners, size_t count)
{
	json_t *array = need(json_array());

	for (size_t i = 0; i < count; i++) {
		json_t *object =
			vzr_cli_json_pack("{s:o}", "name", vzr_cli_json_text(owners[i].name));

		if (json_array_append_new(array, add_limits(object, &owners[i].limits)) < 0)
			vzr_cli_no_memory();
	}
	return array;
}

json_t *vzr_cli_json_limits(const struct vzr_limits *vm, const struct vzr_owner_limits *users,
			    size_t n_users, const struct vzr_owner_limits *groups, size_t n_groups)
{
	static const struct vzr_limits none = { VZR_NO_LIMIT, VZR_NO_LIMIT, VZR_NO_LIMIT,
						VZR_NO_LIMIT, VZR_NO_LIMIT };

	return vzr_cli_json_pack("{s:o, s:o, s:o}", "vm",
				 add_limits(need(json_object()), vm ? vm : &none), "users",
				 owners_array(users, n_users), "groups",
				 owners_array(groups, n_groups));
}

json_t *vzr_cli_json_plan(const struct vzr_plan *plan)
{
	if (!plan)
		return json_null();
	return vzr_cli_json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "template",
				 vzr_cli_json_text(plan->template_name), "digest",
				 vzr_cli_json_text(plan->digest), "source",
				 vzr_cli_json_text(plan->source), "trust",
				 vzr_cli_json_text(plan->trust), "area",
				 vzr_cli_json_text(plan->area), "quota",
				 vzr_cli_json_text(plan->quota), "handoff",
				 vzr_cli_json_text(plan->handoff), "needs_kib",
				 vzr_cli_json_optional(plan->needs_kib, 0), "free_kib",
				 vzr_cli_json_number(plan->free_kib));
}

json_t *vzr_cli_json_container(const struct vzr_container *c)
{
	json_t *quota =
		vzr_cli_json_pack("{s:o, s:o}", "backend", vzr_cli_json_text(c->quota), "limits",
				  vzr_cli_json_limits(&c->vm, c->users, c->n_users, c->groups,
						      c->n_groups));

	return vzr_cli_json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ctid",
		vzr_cli_json_number(c->ctid), "name", vzr_cli_json_text(c->name), "uuid",
		vzr_cli_json_text(c->uuid), "hostname", vzr_cli_json_text(c->hostname), "private",
		vzr_cli_json_text(c->private_path), "template", vzr_cli_json_text(c->template_name),
		"digest", vzr_cli_json_text(c->digest), "source", vzr_cli_json_text(c->source),
		"area", vzr_cli_json_text(c->area), "quota", quota, "handoff",
		vzr_cli_json_text(c->handoff), "specification", vzr_cli_json_text(c->specification),
		"created", vzr_cli_json_optional((uint64_t)c->created, 0));
}

json_t *vzr_cli_json_template(const struct vzr_template *t)
{
	return vzr_cli_json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "name",
				 vzr_cli_json_text(t->name), "source", vzr_cli_json_text(t->source),
				 "digest", vzr_cli_json_text(t->digest), "trust",
				 vzr_cli_json_text(t->trust), "location",
				 vzr_cli_json_text(t->location), "cached", t->cached, "size_bytes",
				 vzr_cli_json_optional(t->size_bytes, 0), "unpacked_kib",
				 vzr_cli_json_optional(t->unpacked_kib, 0), "unpacked_inodes",
				 vzr_cli_json_optional(t->unpacked_inodes, 0), "time",
				 vzr_cli_json_optional((uint64_t)t->time, 0));
}

json_t *vzr_cli_json_created(const struct vzr_container *c)
{
	json_t *quota =
		vzr_cli_json_pack("{s:o, s:o}", "backend", vzr_cli_json_text(c->quota), "limits",
				  vzr_cli_json_limits(&c->vm, c->users, c->n_users, c->groups,
						      c->n_groups));

	return vzr_cli_json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "result", "created",
				 "ctid", vzr_cli_json_number(c->ctid), "private",
				 vzr_cli_json_text(c->private_path), "template",
				 vzr_cli_json_text(c->template_name), "digest",
				 vzr_cli_json_text(c->digest), "area", vzr_cli_json_text(c->area),
				 "quota", quota, "handoff", vzr_cli_json_text(c->handoff));
}

void vzr_cli_json_print(json_t *value)
{
	if (json_dumpf(value, stdout, 0) < 0 && !ferror(stdout))
		vzr_cli_no_memory();
	putchar('\n');
	vzr_cli_flush();
	json_decref(value);
}
