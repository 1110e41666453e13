/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Freeing what the catalogue hands out. */
#include "templates/catalogue.h"

#include <stdlib.h>

void vzr_template_free(struct vzr_template *tmpl)
{
	if (!tmpl)
		return;
	free(tmpl->name);
	free(tmpl->source);
	free(tmpl->digest);
	free(tmpl->trust);
	free(tmpl->location);
	free(tmpl);
}

void vzr_template_list_free(struct vzr_template **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		vzr_template_free(list[i]);
	free(list);
}

void vzr_artefact_free(struct vzr_artefact *artefact)
{
	if (!artefact)
		return;
	free(artefact->name);
	free(artefact->source);
	free(artefact->kind);
	free(artefact->trust);
	free(artefact->location);
	for (size_t i = 0; i < artefact->n_urls; i++)
		free(artefact->urls[i]);
	free(artefact->urls);
	free(artefact);
}
