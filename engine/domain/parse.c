/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes to tree: libxml2 without network, entities, DTD, catalogs or output of its own. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/SAX2.h>
#include <libxml/xmlerror.h>
#include <string.h>

#if LIBXML_VERSION >= 21200
typedef const xmlError *error_ptr;
#else
typedef xmlError *error_ptr;
#endif

void vzr_xml_place(const struct vzr_load *load, size_t offset, unsigned int *ret_line,
		   unsigned int *ret_column)
{
	const char *p = load->text;
	const char *end = p + (offset < load->length ? offset : load->length);
	const char *newline;
	unsigned int line = 1;

	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
		line++;
		p = newline + 1;
	}
	*ret_line = line;
	*ret_column = (unsigned int)(end - p) + 1;
}

int vzr_xml_fail(struct vzr_load *load, size_t offset, const char *fmt, ...)
{
	unsigned int line, column;
	char text[400];
	va_list ap;

	if (load->failed)
		return load->code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vzr_xml_place(load, offset, &line, &column);
	load->failed = true;
	load->code = vzr_fail(load->err, -VZR_E_ILL_FORMED, "%.150s:%u:%u: %s", load->file, line,
			      column, text);
	if (load->err) {
		load->err->line = line;
		load->err->column = column;
	}
	return load->code;
}

/* Byte of the document that the parser has reached. */
static size_t parser_offset(const struct vzr_load *load, const xmlParserCtxt *ctxt)
{
	const xmlParserInput *input = ctxt->input;
	size_t at = input ? (size_t)input->consumed + (size_t)(input->cur - input->base) : 0;

	return at < load->length ? at : load->length;
}

/* The last @what before @at, or @at itself. */
static size_t back_to(const struct vzr_load *load, size_t at, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = at < load->length ? at + 1 : at; i-- > 0;)
		if (load->length - i >= n && !memcmp(load->text + i, what, n))
			return i;
	return at;
}

static void stop_at_doctype(void *data, const xmlChar *name, const xmlChar *external_id,
			    const xmlChar *system_id)
{
	xmlParserCtxt *ctxt = data;
	struct vzr_load *load = ctxt->_private;

	(void)name;
	(void)external_id;
	(void)system_id;
	/* Before the internal subset is read: entities in it would burn time without end. */
	load->doctype = true;
	(void)vzr_xml_fail(load, back_to(load, parser_offset(load, ctxt), "<!DOCTYPE"),
			   "a DOCTYPE is not accepted: a domain needs no entities and no DTD; "
			   "take it out");
	xmlStopParser(ctxt);
}

static void start_element(void *data, const xmlChar *name, const xmlChar *prefix,
			  const xmlChar *uri, int n_namespaces, const xmlChar **namespaces,
			  int n_attributes, int n_defaulted, const xmlChar **attributes)
{
	xmlParserCtxt *ctxt = data;
	const struct vzr_load *load = ctxt->_private;

	xmlSAX2StartElementNs(data, name, prefix, uri, n_namespaces, namespaces, n_attributes,
			      n_defaulted, attributes);
	/* '<' cannot stand in an attribute: the last one began this tag. */
	if (ctxt->node)
		vzr_node_mark(ctxt->node, back_to(load, parser_offset(load, ctxt), "<"));
}

static bool is_pair(error_ptr e, const char *a, const char *b)
{
	return e->str1 && e->str2 && !strcmp(e->str1, a) && !strcmp(e->str2, b);
}

static int fail_mismatch(struct vzr_load *load, error_ptr e, size_t at)
{
	const char *open = e->str1 ? e->str1 : "?", *close = e->str2 ? e->str2 : "?";

	if (at > 0 && at < load->length && load->text[at] == '<')
		at--;
	at = back_to(load, at, "</");
	if (is_pair(e, "quote", "quota") || is_pair(e, "quota", "quote"))
		return vzr_xml_fail(load, at,
				    "not well-formed: <%s> of line %d is closed by </%s>; the "
				    "element is <quota>: write <quota ...>...</quota>",
				    open, e->int1, close);
	return vzr_xml_fail(load, at, "not well-formed: <%s> of line %d is closed by </%s>", open,
			    e->int1, close);
}

static void on_error(void *data, error_ptr e)
{
	xmlParserCtxt *ctxt = data;
	struct vzr_load *load = ctxt->_private;
	size_t at = parser_offset(load, ctxt);
	char text[200];

	if (e->level < XML_ERR_ERROR || load->failed)
		return;
	if (e->code == XML_ERR_NO_MEMORY || !e->message) {
		load->oom = true;
		return;
	}
	if (e->code == XML_ERR_TAG_NAME_MISMATCH) {
		(void)fail_mismatch(load, e, at);
		return;
	}
	snprintf(text, sizeof(text), "%s", e->message);
	text[strcspn(text, "\n")] = '\0';
	if (e->code == XML_ERR_UNDECLARED_ENTITY || e->code == XML_WAR_UNDECLARED_ENTITY)
		(void)vzr_xml_fail(load, at,
				   "an entity is not accepted (%s); write its text instead", text);
	else if (strstr(text, "depth"))
		(void)vzr_xml_fail(load, at, "elements are nested deeper than 256 levels");
	else
		(void)vzr_xml_fail(load, at, "not well-formed: %s", text);
}

static void free_ctxtp(xmlParserCtxt **ctxt)
{
	if (!*ctxt)
		return;
	if ((*ctxt)->myDoc)
		xmlFreeDoc((*ctxt)->myDoc);
	(*ctxt)->myDoc = NULL;
	xmlFreeParserCtxt(*ctxt);
}

int vzr_xml_parse(struct vzr_load *load, xmlDoc **ret_doc)
{
	VZR_CLEANUP(free_ctxtp) xmlParserCtxt *ctxt = NULL;
	int options =
		XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_IGNORE_ENC | XML_PARSE_COMPACT;
	xmlDoc *doc;
	int r = vzr_xml_guard(load);

	if (r < 0)
		return r;
#if LIBXML_VERSION >= 21300
	options |= XML_PARSE_NO_XXE;
#endif
	ctxt = xmlNewParserCtxt();
	if (!ctxt)
		return -ENOMEM;
	ctxt->_private = load;
	ctxt->sax->internalSubset = stop_at_doctype;
	ctxt->sax->startElementNs = start_element;
	ctxt->sax->serror = on_error;
	/* Without comments in the tree, the text around them is one: "1<!-- -->0" is "10". */
	ctxt->sax->comment = NULL;
	ctxt->sax->processingInstruction = NULL;
	doc = xmlCtxtReadMemory(ctxt, load->text, (int)load->length, NULL, NULL, options);
	/* Out of memory is not always an error to libxml2: there may be no tree, or a part of one.
	 */
	if (!load->failed && (!doc || ctxt->disableSAX || ctxt->errNo == XML_ERR_NO_MEMORY))
		load->oom = true;
	if (load->failed || load->oom) {
		xmlFreeDoc(doc);
		ctxt->myDoc = NULL;
		return load->oom ? -ENOMEM : load->code;
	}
	*ret_doc = doc;
	return 0;
}
