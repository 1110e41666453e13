/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <metadata> under our namespace: what libvirt's schema has no place for. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>

/*
 * libvirt keeps one top element per namespace. It is <v:container> with everything in it, or
 * <v:limits> when there is nothing else to say. domain.rng has the grammar.
 */
static int read_template(struct vzr_load *load, const xmlNode *node)
{
	struct vzr_filesystem *root = &load->domain->root;
	const char *name;
	int r = vzr_node_trimmed(load, node, &name);

	if (r == 0)
		r = vzr_template_check(load, node, name, false);
	if (r < 0)
		return r;
	if (!load->container)
		return vzr_node_fail(load, node,
				     "a domain of type '%.40s' is no container: nothing in it is "
				     "made from a template",
				     load->domain->type);
	if (root->type == VZR_ROOT_NONE) {
		root->type = VZR_ROOT_TEMPLATE;
		r = vzr_text_set(&root->target, "/");
	} else if (root->type != VZR_ROOT_TEMPLATE) {
		return vzr_node_fail(load, node,
				     "the root is a filesystem of type '%s', which cannot have a "
				     "template",
				     vzr_root_type_name(root->type));
	}
	return r < 0 ? r : vzr_text_set(&root->source, name);
}

struct child {
	const char *name;
	int (*read)(struct vzr_load *load, const xmlNode *node);
	bool once;
};

static const struct child children[] = {
	{ "limits", vzr_limits_metadata, true },
	{ "template", read_template, true },
	{ "hostname", vzr_hostname_set, true },
	{ "nameserver", vzr_nameserver_add, false },
};

static int read_child(struct vzr_load *load, const xmlNode *node, unsigned int *seen)
{
	static const char *const none[] = { NULL };

	for (size_t i = 0; i < VZR_COUNT(children); i++) {
		const struct child *child = &children[i];
		int r;

		if (!vzr_node_is_ours(node) || strcmp(vzr_node_name(node), child->name) != 0)
			continue;
		if (child->once && (*seen & 1u << i))
			return vzr_node_fail(load, node, "a second <%s>; keep one", child->name);
		*seen |= 1u << i;
		r = vzr_node_only_attrs(load, node, none);
		return r < 0 ? r : child->read(load, node);
	}
	return vzr_node_fail(load, node,
			     "<%.40s> is not known here (limits, template, hostname, nameserver "
			     "of " VZR_XML_NAMESPACE ")",
			     vzr_node_name(node));
}

static int read_container(struct vzr_load *load, const xmlNode *node)
{
	static const char *const none[] = { NULL };
	unsigned int seen = 0;
	int r = vzr_node_only_attrs(load, node, none);

	if (r == 0)
		r = vzr_node_no_text(load, node);
	for (const xmlNode *n = vzr_node_first(node); r == 0 && n; n = vzr_node_next(n))
		r = read_child(load, n, &seen);
	return r;
}

static int read_top(struct vzr_load *load, const xmlNode *node)
{
	unsigned int seen = 0;

	if (!strcmp(vzr_node_name(node), "container"))
		return read_container(load, node);
	if (!strcmp(vzr_node_name(node), "limits"))
		return read_child(load, node, &seen);
	return vzr_node_fail(load, node, "<%.40s> is not known here (container, limits)",
			     vzr_node_name(node));
}

/* A namespace that was meant to be ours: another version, other case, a typo at the end. */
static bool nearly_ours(const xmlNode *node)
{
	return node->ns && node->ns->href && !vzr_node_is_ours(node) &&
	       strcasestr((const char *)node->ns->href, "vzroot");
}

int vzr_metadata_read(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *metadata = NULL, *top = NULL;
	int r = vzr_node_once(load, root, "metadata", &metadata);

	for (const xmlNode *n = vzr_node_first(metadata); r == 0 && n; n = vzr_node_next(n)) {
		if (nearly_ours(n))
			return vzr_node_fail(load, n,
					     "namespace '%.80s' is not known; ours is '%s'",
					     (const char *)n->ns->href, VZR_XML_NAMESPACE);
		if (!vzr_node_is_ours(n))
			continue;
		if (top)
			return vzr_node_fail(load, n,
					     "a second element of %s (the first is on line %u); "
					     "libvirt keeps one: put both into one <container>",
					     VZR_XML_NAMESPACE, vzr_node_line(load, top));
		top = n;
		r = read_top(load, n);
	}
	return r;
}
