/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interfaces, the <network> of 2007, host name, name servers and the id map. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define INTERFACES 256
#define IPS 1024       /* of one interface */
#define IDMAPS 340     /* what a kernel takes */
#define DEVICE_NAME 15 /* IFNAMSIZ - 1 */
#define HOST_NAME 64   /* what sethostname() takes */
#define NAMESERVERS 16

/* ---- addresses ---- */

/* Address family of @text: AF_INET, AF_INET6, or 0 if it is no address. */
static int address_family(const char *text)
{
	unsigned char out[16];

	if (inet_pton(AF_INET, text, out) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, out) == 1 ? AF_INET6 : 0;
}

/* Bits of a dotted netmask, -1 if it is none. */
static int netmask_bits(const char *text)
{
	struct in_addr in;
	uint32_t mask;
	int bits;

	if (inet_pton(AF_INET, text, &in) != 1)
		return -1;
	mask = ntohl(in.s_addr);
	bits = __builtin_popcount(mask);
	return bits == 0				       ? mask == 0 ? 0 : -1
	       : mask == (uint32_t)(UINT32_MAX << (32 - bits)) ? bits
							       : -1;
}

struct address {
	const char *address;
	const char *prefix;  /* bits as text, or NULL */
	const char *netmask; /* dotted, or NULL */
};

/* Adds "ADDRESS[/BITS]" to @ips; an empty address is passed over. */
static int add_address(struct vzr_load *load, const xmlNode *node, const struct address *a,
		       struct vzr_list *ips)
{
	int family = address_family(a->address), bits;
	uint64_t prefix;
	int r;

	if (!*a->address)
		return 0;
	if (!family)
		return vzr_node_fail(load, node, "'%.60s' is not an IP address", a->address);
	if (ips->count >= IPS)
		return vzr_node_fail(load, node, "more than %d addresses", IPS);
	if (a->prefix) {
		r = vzr_node_number(load, node, "prefix", a->prefix, family == AF_INET ? 32 : 128,
				    &prefix);
		return r < 0 ? r : vzr_list_printf(ips, "%s/%u", a->address, (unsigned int)prefix);
	}
	if (!a->netmask || !*a->netmask)
		return vzr_list_add_text(ips, a->address);
	bits = family == AF_INET ? netmask_bits(a->netmask) : -1;
	if (bits < 0)
		return vzr_node_fail(load, node, "'%.60s' is not a netmask", a->netmask);
	return vzr_list_printf(ips, "%s/%d", a->address, bits);
}

static int read_ip(struct vzr_load *load, const xmlNode *node, struct vzr_list *ips)
{
	struct address a = {
		.address = vzr_node_attr(load, node, "address"),
		.prefix = vzr_node_attr(load, node, "prefix"),
		.netmask = vzr_node_attr(load, node, "netmask"),
	};

	if (!a.address)
		return vzr_node_fail(load, node, "attribute 'address' is missing");
	return add_address(load, node, &a, ips);
}

/* ---- <interface> ---- */

static void interface_done(struct vzr_interface *i)
{
	free(i->type);
	free(i->mac);
	free(i->bridge);
	free(i->host_name);
	free(i->guest_name);
	for (size_t n = 0; n < i->n_ips; n++)
		free(i->ips[n]);
	free(i->ips);
	*i = (struct vzr_interface){ 0 };
}

static bool is_mac(const char *text)
{
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	return !text[17];
}

static int check_device(struct vzr_load *load, const xmlNode *node, const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > DEVICE_NAME || !strcmp(name, ".") || !strcmp(name, ".."))
		return vzr_node_fail(load, node,
				     "'%.60s' is no name of a network device (1 to %d "
				     "bytes)",
				     name, DEVICE_NAME);
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-@+", *p))
			return vzr_node_fail(load, node,
					     "'%.60s' is no name of a network device (letters, "
					     "digits, '.', '_', '-', '@', '+')",
					     name);
	return 0;
}

/* Where an attribute of an interface's child goes. */
struct part {
	const char *element, *attr;
	char **text;
	int (*check)(struct vzr_load *load, const xmlNode *node, const char *name);
};

static int check_mac(struct vzr_load *load, const xmlNode *node, const char *text)
{
	if (is_mac(text))
		return 0;
	return vzr_node_fail(load, node, "'%.60s' is no MAC address (as 00:16:3e:0f:ef:8a)", text);
}

static int read_part(struct vzr_load *load, const xmlNode *node, const struct part *part)
{
	const xmlNode *child;
	const char *value;
	int r = vzr_node_once(load, node, part->element, &child);

	if (r < 0 || !child)
		return r;
	value = vzr_node_attr(load, child, part->attr);
	if (!value)
		return 0;
	r = part->check(load, child, value);
	return r < 0 ? r : vzr_text_set(part->text, value);
}

static int read_interface(struct vzr_load *load, const xmlNode *node, struct vzr_interface *i)
{
	const struct part parts[] = {
		{ "mac", "address", &i->mac, check_mac },
		{ "source", "bridge", &i->bridge, check_device },
		{ "target", "dev", &i->host_name, check_device },
		{ "guest", "dev", &i->guest_name, check_device },
	};
	const char *type = vzr_node_attr(load, node, "type");
	struct vzr_list ips = { 0 };
	int r;

	if (!type)
		return vzr_node_fail(load, node, "attribute 'type' is missing");
	r = vzr_text_set(&i->type, type);
	for (size_t n = 0; r == 0 && n < VZR_COUNT(parts); n++)
		r = read_part(load, node, &parts[n]);
	for (const xmlNode *n = vzr_node_first(node); r == 0 && n; n = vzr_node_next(n))
		if (vzr_node_is(n, "ip"))
			r = read_ip(load, n, &ips);
	i->ips = (char **)ips.items;
	i->n_ips = ips.count;
	return r;
}

/* A new empty interface of the domain, or NULL when out of memory. */
static struct vzr_interface *add_interface(struct vzr_domain *domain)
{
	struct vzr_interface *items =
		reallocarray(domain->interfaces, domain->n_interfaces + 1, sizeof(*items));

	if (!items)
		return NULL;
	domain->interfaces = items;
	items[domain->n_interfaces] = (struct vzr_interface){ 0 };
	return &items[domain->n_interfaces++];
}

static int read_interfaces(struct vzr_load *load, const xmlNode *devices)
{
	for (const xmlNode *n = vzr_node_first(devices); n; n = vzr_node_next(n)) {
		struct vzr_interface *i;
		int r;

		if (!vzr_node_is(n, "interface"))
			continue;
		if (load->domain->n_interfaces >= INTERFACES)
			return vzr_node_fail(load, n, "more than %d interfaces", INTERFACES);
		i = add_interface(load->domain);
		r = i ? read_interface(load, n, i) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- <network> of 2007, under <domain> or <container> ---- */

int vzr_hostname_set(struct vzr_load *load, const xmlNode *node)
{
	const char *name;
	int r = vzr_node_trimmed(load, node, &name);

	if (r < 0 || !*name)
		return r;
	if (load->domain->hostname)
		return vzr_node_fail(load, node, "a second host name ('%.60s' is there); keep one",
				     load->domain->hostname);
	if (strlen(name) > HOST_NAME)
		return vzr_node_fail(load, node, "the host name is longer than %d bytes",
				     HOST_NAME);
	if (!isalnum((unsigned char)name[0]) || strstr(name, ".."))
		return vzr_node_fail(load, node, "'%.64s' is not a host name", name);
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			return vzr_node_fail(load, node,
					     "'%.64s' is not a host name (letters, digits, '-', "
					     "'.', '_')",
					     name);
	return vzr_text_set(&load->domain->hostname, name);
}

int vzr_nameserver_add(struct vzr_load *load, const xmlNode *node)
{
	struct vzr_domain *domain = load->domain;
	const char *text;
	char **items;
	int r = vzr_node_trimmed(load, node, &text);

	if (r < 0 || !*text)
		return r;
	if (!address_family(text))
		return vzr_node_fail(load, node, "name server '%.60s' is not an IP address", text);
	if (domain->n_nameservers >= NAMESERVERS)
		return vzr_node_fail(load, node, "more than %d name servers", NAMESERVERS);
	items = reallocarray(domain->nameservers, domain->n_nameservers + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	domain->nameservers = items;
	items[domain->n_nameservers] = strdup(text);
	if (!items[domain->n_nameservers])
		return -ENOMEM;
	domain->n_nameservers++;
	return 0;
}

/* <ipaddress> and <netmask> of form B, 2007. */
static int read_ipaddress(struct vzr_load *load, const xmlNode *network, struct vzr_list *ips)
{
	const xmlNode *address, *netmask;
	struct address a = { 0 };
	int r = vzr_node_once(load, network, "ipaddress", &address);

	if (r == 0)
		r = vzr_node_once(load, network, "netmask", &netmask);
	if (r < 0 || !address)
		return r;
	r = vzr_node_trimmed(load, address, &a.address);
	if (r == 0 && netmask)
		r = vzr_node_trimmed(load, netmask, &a.netmask);
	return r < 0 ? r : add_address(load, address, &a, ips);
}

static int read_network(struct vzr_load *load, const xmlNode *network)
{
	struct vzr_interface *i = NULL;
	struct vzr_list ips = { 0 };
	int r = read_ipaddress(load, network, &ips);

	for (const xmlNode *n = vzr_node_first(network); r == 0 && n; n = vzr_node_next(n)) {
		if (vzr_node_is(n, "hostname"))
			r = vzr_hostname_set(load, n);
		else if (vzr_node_is(n, "nameserver"))
			r = vzr_nameserver_add(load, n);
		else if (vzr_node_is(n, "ip"))
			r = read_ip(load, n, &ips);
	}
	if (r == 0 && ips.count) {
		i = add_interface(load->domain);
		r = i ? vzr_text_set(&i->type, "ethernet") : -ENOMEM;
	}
	if (r < 0 || !i) {
		vzr_list_done_text(&ips);
		return r;
	}
	i->ips = (char **)ips.items;
	i->n_ips = ips.count;
	return 0;
}

int vzr_network_read(struct vzr_load *load, const xmlNode *root)
{
	int r = 0;

	for (const xmlNode *n = vzr_node_first(root); r == 0 && n; n = vzr_node_next(n)) {
		if (vzr_node_is(n, "devices"))
			r = read_interfaces(load, n);
		else if (vzr_node_is(n, "network"))
			r = read_network(load, n);
		else if (vzr_node_is(n, "container"))
			for (const xmlNode *c = vzr_node_first(n); r == 0 && c;
			     c = vzr_node_next(c))
				if (vzr_node_is(c, "network"))
					r = read_network(load, c);
	}
	return r;
}

/* ---- <idmap> ---- */

static bool overlap(uint32_t a, uint32_t b, const struct vzr_idmap *x, const struct vzr_idmap *y)
{
	return a < (uint64_t)b + y->count && b < (uint64_t)a + x->count;
}

static int check_overlap(struct vzr_load *load, const xmlNode *node, const struct vzr_idmap *map)
{
	for (size_t i = 0; i < load->domain->n_idmaps; i++) {
		const struct vzr_idmap *other = &load->domain->idmaps[i];

		if (other->is_group == map->is_group &&
		    (overlap(map->start, other->start, map, other) ||
		     overlap(map->target, other->target, map, other)))
			return vzr_node_fail(load, node,
					     "the ids overlap with those of an earlier <%s>",
					     map->is_group ? "gid" : "uid");
	}
	return 0;
}

static int read_map(struct vzr_load *load, const xmlNode *node)
{
	static const char *const attrs[] = { "start", "target", "count" };
	struct vzr_domain *domain = load->domain;
	struct vzr_idmap *items;
	uint64_t value[3];
	int r = 0;

	for (size_t i = 0; r == 0 && i < VZR_COUNT(attrs); i++) {
		const char *text = vzr_node_attr(load, node, attrs[i]);

		if (!text)
			return vzr_node_fail(load, node, "attribute '%s' is missing", attrs[i]);
		r = vzr_node_number(load, node, attrs[i], text, UINT32_MAX - 1, &value[i]);
	}
	if (r < 0)
		return r;
	if (!value[2] || value[0] + value[2] > UINT32_MAX || value[1] + value[2] > UINT32_MAX)
		return vzr_node_fail(load, node, "the range is empty or passes the last id (%u)",
				     UINT32_MAX - 1);
	if (domain->n_idmaps >= IDMAPS)
		return vzr_node_fail(load, node, "more than %d id ranges", IDMAPS);
	items = reallocarray(domain->idmaps, domain->n_idmaps + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	domain->idmaps = items;
	items[domain->n_idmaps] = (struct vzr_idmap){
		.is_group = vzr_node_is(node, "gid"),
		.start = (uint32_t)value[0],
		.target = (uint32_t)value[1],
		.count = (uint32_t)value[2],
	};
	r = check_overlap(load, node, &items[domain->n_idmaps]);
	domain->n_idmaps += r == 0;
	return r;
}

int vzr_idmap_read(struct vzr_load *load, const xmlNode *root)
{
	const xmlNode *idmap = NULL;
	int r = vzr_node_once(load, root, "idmap", &idmap);

	for (const xmlNode *n = vzr_node_first(idmap); r == 0 && n; n = vzr_node_next(n))
		if (vzr_node_is(n, "uid") || vzr_node_is(n, "gid"))
			r = read_map(load, n);
	return r;
}

void vzr_interfaces_free(struct vzr_interface *interfaces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		interface_done(&interfaces[i]);
	free(interfaces);
}
