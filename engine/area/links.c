/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files with several names: the first one met is made, the others are linked to it. */
#include "engine/area/internal.h"

#include "engine/base/cleanup.h"

#include <pthread.h>
#include <string.h>

#define FIRST_SIZE 256

enum state { MAKING, MADE, FAILED };

struct link {
	uint64_t ino; /* 0: the slot is free; no file system has an inode 0 */
	enum state state;
	char *path;
};

struct vzr_links {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct link *slots;
	size_t size; /* a power of two */
	size_t count;
};

int vzr_links_new(struct vzr_links **ret_links)
{
	struct vzr_links *links = calloc(1, sizeof(*links));

	if (!links)
		return -ENOMEM;
	links->size = FIRST_SIZE;
	links->slots = calloc(links->size, sizeof(*links->slots));
	if (!links->slots) {
		free(links);
		return -ENOMEM;
	}
	pthread_mutex_init(&links->lock, NULL);
	pthread_cond_init(&links->changed, NULL);
	*ret_links = links;
	return 0;
}

void vzr_links_free(struct vzr_links *links)
{
	if (!links)
		return;
	for (size_t i = 0; i < links->size; i++)
		free(links->slots[i].path);
	free(links->slots);
	pthread_mutex_destroy(&links->lock);
	pthread_cond_destroy(&links->changed);
	free(links);
}

static struct link *find(struct link *slots, size_t size, uint64_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15u >> 20) & (size - 1);

	while (slots[i].ino && slots[i].ino != ino)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static int grow(struct vzr_links *links)
{
	size_t size = links->size * 2;
	struct link *slots;

	if (links->count * 2 < links->size)
		return 0;
	slots = calloc(size, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < links->size; i++)
		if (links->slots[i].ino)
			*find(slots, size, links->slots[i].ino) = links->slots[i];
	free(links->slots);
	links->slots = slots;
	links->size = size;
	return 0;
}

static int add(struct vzr_links *links, uint64_t ino, const char *dir, const char *name)
{
	char *path;
	int r = grow(links);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s%s%s", dir, *dir ? "/" : "", name) < 0)
		return -ENOMEM;
	*find(links->slots, links->size, ino) = (struct link){ ino, MAKING, path };
	links->count++;
	return 1;
}

int vzr_links_claim(struct vzr_links *links, uint64_t ino, const char *dir, const char *name,
		    const char **ret_path)
{
	struct link *link;
	int r;

	pthread_mutex_lock(&links->lock);
	link = find(links->slots, links->size, ino);
	if (!link->ino) {
		r = add(links, ino, dir, name);
	} else {
		/* The maker waits for nobody, so this ends. The table may move meanwhile. */
		while (link->state == MAKING) {
			pthread_cond_wait(&links->changed, &links->lock);
			link = find(links->slots, links->size, ino);
		}
		*ret_path = link->path;
		r = link->state == MADE ? 0 : -EIO;
	}
	pthread_mutex_unlock(&links->lock);
	return r;
}

void vzr_links_made(struct vzr_links *links, uint64_t ino, bool ok)
{
	pthread_mutex_lock(&links->lock);
	find(links->slots, links->size, ino)->state = ok ? MADE : FAILED;
	pthread_cond_broadcast(&links->changed);
	pthread_mutex_unlock(&links->lock);
}
