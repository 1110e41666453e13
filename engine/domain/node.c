/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access to elements: their place, path, attributes, text and numbers; refusals and warnings. */
#include "engine/domain/internal.h"

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "engine/base/size.h"

#include <string.h>

#define WARNINGS 32    /* more are counted only */
#define PATH_TEXT 160  /* bytes of an element's path in a message */
#define PATH_LEVELS 12 /* deeper paths are cut in the middle */
#define SENTENCE 400

static const char blanks[] = " \t\r\n";

/* Attributes and children are only read here, but libxml2's lists are not const. */
const xmlNode *vzr_node_first(const xmlNode *parent)
{
	const xmlNode *node = parent ? parent->children : NULL;

	while (node && node->type != XML_ELEMENT_NODE)
		node = node->next;
	return node;
}

const xmlNode *vzr_node_next(const xmlNode *node)
{
	do
		node = node->next;
	while (node && node->type != XML_ELEMENT_NODE);
	return node;
}

const char *vzr_node_name(const xmlNode *node)
{
	return (const char *)node->name;
}

bool vzr_node_is(const xmlNode *node, const char *name)
{
	return node && !node->ns && !strcmp(vzr_node_name(node), name);
}

bool vzr_node_is_ours(const xmlNode *node)
{
	return node->ns && node->ns->href &&
	       !strcmp((const char *)node->ns->href, VZR_XML_NAMESPACE);
}

void vzr_node_mark(xmlNode *node, size_t offset)
{
	node->_private = (void *)(uintptr_t)(offset + 1);
}

static size_t node_offset(const xmlNode *node)
{
	uintptr_t mark = (uintptr_t)node->_private;

	return mark ? mark - 1 : 0;
}

unsigned int vzr_node_line(const struct vzr_load *load, const xmlNode *node)
{
	unsigned int line, column;

	vzr_xml_place(load, node_offset(node), &line, &column);
	return line;
}

static bool same_name(const xmlNode *a, const xmlNode *b)
{
	return a->type == XML_ELEMENT_NODE && !strcmp(vzr_node_name(a), vzr_node_name(b)) &&
	       (a->ns ? a->ns->prefix : NULL) == (b->ns ? b->ns->prefix : NULL);
}

/* One step of a path; with its number when the parent has several of the name. */
static void step_text(const xmlNode *node, char *out, size_t size)
{
	const char *prefix = node->ns ? (const char *)node->ns->prefix : NULL;
	unsigned int number = 1;
	bool several = false;

	for (const xmlNode *n = node->prev; n; n = n->prev)
		number += same_name(n, node);
	for (const xmlNode *n = node->next; n && !several; n = n->next)
		several = same_name(n, node);
	snprintf(out, size, "/%.24s%s%.40s", prefix ? prefix : "", prefix ? ":" : "",
		 vzr_node_name(node));
	if (several || number > 1)
		snprintf(out + strlen(out), size - strlen(out), "[%u]", number);
}

/* "/domain/devices/filesystem[2]/quota"; a deep or long one begins with "...". */
static void path_text(const xmlNode *node, char out[PATH_TEXT])
{
	char text[PATH_TEXT] = "";
	unsigned int levels = 0;

	for (; node && node->type == XML_ELEMENT_NODE; node = node->parent) {
		char step[96];
		size_t have = strlen(text), n;

		step_text(node, step, sizeof(step));
		n = strlen(step);
		if (++levels > PATH_LEVELS || have + n + 4 >= sizeof(text)) {
			memmove(text + 3, text, have + 1);
			memcpy(text, "...", 3);
			break;
		}
		memmove(text + n, text, have + 1);
		memcpy(text, step, n);
	}
	memcpy(out, text, sizeof(text));
}

int vzr_node_fail(struct vzr_load *load, const xmlNode *node, const char *fmt, ...)
{
	char text[SENTENCE], path[PATH_TEXT];
	unsigned int line, column;
	va_list ap;

	if (load->failed)
		return load->code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vzr_xml_place(load, node_offset(node), &line, &column);
	path_text(node, path);
	load->failed = true;
	load->code = vzr_fail(load->err, -VZR_E_INPUT, "%.100s:%u:%u: %s: %s", load->file, line,
			      column, path, text);
	if (load->err) {
		load->err->line = line;
		load->err->column = column;
	}
	return load->code;
}

int vzr_node_wrap(struct vzr_load *load, const xmlNode *node, int code)
{
	char text[sizeof(load->err->msg)] = "the value is not accepted";

	if (code == -ENOMEM)
		return code;
	if (load->err)
		memcpy(text, load->err->msg, sizeof(text));
	return vzr_node_fail(load, node, "%s", text);
}

int vzr_node_warn(struct vzr_load *load, const xmlNode *node, const char *fmt, ...)
{
	char raw[SENTENCE], text[SENTENCE], path[PATH_TEXT], safe_path[2 * PATH_TEXT];
	va_list ap;

	if (load->warnings.count >= WARNINGS) {
		load->warnings_left_out++;
		return 0;
	}
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	path_text(node, path);
	return vzr_list_printf(&load->warnings, "line %u: %s: %s", vzr_node_line(load, node),
			       vzr_escape(safe_path, sizeof(safe_path), path),
			       vzr_escape(text, sizeof(text), raw));
}

/* Keeps @text until the load ends. */
static const char *lend(struct vzr_load *load, xmlChar *text)
{
	if (!text || vzr_list_add(&load->pool, text) < 0) {
		if (text)
			xmlFree(text);
		load->oom = true;
		return "";
	}
	return (const char *)text;
}

static const xmlAttr *find_attr(const xmlNode *node, const char *name)
{
	const xmlAttr *attr = node->properties;

	while (attr && (attr->ns || strcmp((const char *)attr->name, name) != 0))
		attr = attr->next;
	return attr;
}

const char *vzr_node_attr(struct vzr_load *load, const xmlNode *node, const char *name)
{
	const xmlAttr *attr = find_attr(node, name);

	if (!attr)
		return NULL;
	if (!attr->children)
		return "";
	if (attr->children->type == XML_TEXT_NODE && !attr->children->next)
		return (const char *)attr->children->content;
	return lend(load, xmlNodeListGetString(node->doc, attr->children, 1));
}

int vzr_node_only_attrs(struct vzr_load *load, const xmlNode *node, const char *const *allowed)
{
	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		const char *name = (const char *)attr->name;
		char known[96] = "";

		for (const char *const *a = allowed; *a; a++) {
			size_t n = strlen(known);

			if (!attr->ns && !strcmp(name, *a))
				goto next;
			snprintf(known + n, sizeof(known) - n, "%s'%s'", n ? ", " : "", *a);
		}
		if (attr->ns)
			return vzr_node_fail(load, node,
					     "attribute '%.40s' is in namespace '%.60s' and would "
					     "not count; write it without a prefix",
					     name, (const char *)attr->ns->href);
		return vzr_node_fail(load, node, "attribute '%.40s' is not known here (known: %s)",
				     name, *known ? known : "none");
	next:;
	}
	return 0;
}

int vzr_node_empty(struct vzr_load *load, const xmlNode *node)
{
	const xmlNode *child = vzr_node_first(node);

	if (child)
		return vzr_node_fail(load, child, "<%.40s> is not known here: <%.40s> is empty",
				     vzr_node_name(child), vzr_node_name(node));
	return vzr_node_no_text(load, node);
}

int vzr_node_no_text(struct vzr_load *load, const xmlNode *node)
{
	for (const xmlNode *n = node->children; n; n = n->next) {
		const char *text = (const char *)n->content;

		if (n->type == XML_TEXT_NODE && text && text[strspn(text, blanks)])
			return vzr_node_fail(load, node,
					     "text '%.40s' is not known here: the values of "
					     "<%.40s> are attributes or elements",
					     text, vzr_node_name(node));
	}
	return 0;
}

int vzr_node_text(struct vzr_load *load, const xmlNode *node, const char **ret_text)
{
	const xmlNode *child = vzr_node_first(node);

	if (child)
		return vzr_node_fail(load, child, "an element stands inside the value of <%.40s>",
				     vzr_node_name(node));
	child = node->children;
	if (!child)
		*ret_text = "";
	else if (child->type == XML_TEXT_NODE && !child->next)
		*ret_text = (const char *)child->content;
	else
		*ret_text = lend(load, xmlNodeListGetString(node->doc, node->children, 1));
	return 0;
}

int vzr_node_trimmed(struct vzr_load *load, const xmlNode *node, const char **ret_text)
{
	const char *text;
	size_t n;
	int r = vzr_node_text(load, node, &text);

	if (r < 0)
		return r;
	text += strspn(text, blanks);
	n = strlen(text);
	while (n > 0 && strchr(blanks, text[n - 1]))
		n--;
	*ret_text = text[n] ? lend(load, xmlStrndup((const xmlChar *)text, (int)n)) : text;
	return 0;
}

int vzr_node_once(struct vzr_load *load, const xmlNode *parent, const char *name,
		  const xmlNode **ret_node)
{
	const xmlNode *found = NULL;

	for (const xmlNode *n = vzr_node_first(parent); n; n = vzr_node_next(n)) {
		if (!vzr_node_is(n, name))
			continue;
		if (found)
			return vzr_node_fail(load, n,
					     "a second <%s> (the first is on line %u); keep one",
					     name, vzr_node_line(load, found));
		found = n;
	}
	*ret_node = found;
	return 0;
}

int vzr_node_number(struct vzr_load *load, const xmlNode *node, const char *what, const char *text,
		    uint64_t max, uint64_t *ret_value)
{
	int r = vzr_parse_uint(text, max, ret_value);

	if (r == -ERANGE)
		return vzr_node_fail(load, node, "%s %.60s is too large (at most %llu)", what, text,
				     (unsigned long long)max);
	if (r < 0)
		return vzr_node_fail(load, node,
				     "%s '%.60s' is not a whole number; write digits only, "
				     "without sign, fraction, unit or blanks",
				     what, text);
	return 0;
}

int vzr_node_scaled(struct vzr_load *load, const xmlNode *node, const struct vzr_scaled *scaled,
		    uint64_t *ret_bytes)
{
	const char *unit = scaled->unit;
	uint64_t value, factor = scaled->fallback;
	int r = vzr_node_number(load, node, scaled->what, scaled->text, UINT64_MAX, &value);

	if (r < 0)
		return r;
	if (unit && vzr_unit_factor(unit, scaled->fallback, &factor) < 0)
		return vzr_node_fail(load, node,
				     "unit '%.40s' is not known (bytes, KiB, MiB, GiB, TiB, PiB, "
				     "EiB, or KB, MB, GB, ... for powers of 1000)",
				     unit);
	if (__builtin_mul_overflow(value, factor, ret_bytes))
		return vzr_node_fail(load, node, "%s %.60s %s is too large: more than 2^64 bytes",
				     scaled->what, scaled->text, unit ? unit : "");
	return 0;
}

int vzr_text_set(char **ret_copy, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*ret_copy);
	*ret_copy = copy;
	return 0;
}
