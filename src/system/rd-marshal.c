/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Converts between D-Bus values and the types of src/core. Other programs read the D-Bus
 * dictionaries made here: never rename or remove a key, or change the type of its value. */

#include "rd-marshal.h"

#include "rd-error.h"

static void
add_node (GVariantBuilder *list, const RdNode *node, gboolean is_self)
{
  g_variant_builder_add_parsed (list,
                                "{'id': <%s>, 'host': <%s>, 'pid': <%u>, 'instance': <%s>, "
                                "'state': <%s>, 'clients': <%u>, 'version': <%s>, 'self': <%b>}",
                                node->id, node->host, node->pid, node->instance, node->state,
                                node->clients, node->version, is_self);
}

GVariant *
rd_marshal_nodes (RdNodes *nodes)
{
  g_autoptr (RdNode) own = rd_nodes_dup_self (nodes);
  const GPtrArray *others = rd_nodes_get_others (nodes);
  GVariantBuilder list;
  guint i = 0;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (; i < others->len && rd_node_compare (others->pdata[i], own) < 0; i++)
    add_node (&list, others->pdata[i], FALSE);
  add_node (&list, own, TRUE);
  for (; i < others->len; i++)
    add_node (&list, others->pdata[i], FALSE);
  return g_variant_builder_end (&list);
}

static void
add_client (GVariantBuilder *list, const WsEngine *engine, const WsClient *client)
{
  const WsRecord *record = client->record;
  g_autofree char *remote = rd_client_dup_remote (client);
  const guint64 behind = ws_engine_get_behind (engine, client);

  g_variant_builder_open (list, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (list, "{sv}", "id", g_variant_new_uint64 (record->id));
  g_variant_builder_add (list, "{sv}", "remote", g_variant_new_string (remote));
  g_variant_builder_add (list, "{sv}", "connected", g_variant_new_uint64 (record->connected_us));
  g_variant_builder_add (list, "{sv}", "received", g_variant_new_uint64 (record->received));
  g_variant_builder_add (list, "{sv}", "sent", g_variant_new_uint64 (record->sent));
  g_variant_builder_add (list, "{sv}", "behind", g_variant_new_uint64 (behind));
  g_variant_builder_close (list);
}

GVariant *
rd_marshal_clients (RdManager *manager)
{
  g_autoptr (GPtrArray) clients = rd_manager_list (manager);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < clients->len; i++)
    add_client (&list, rd_manager_get_engine (manager), clients->pdata[i]);
  return g_variant_builder_end (&list);
}

gboolean
rd_unmarshal_drain_options (GVariant *options, gint64 *timeout_us, GError **error)
{
  guint32 seconds;
  const gboolean has_timeout = g_variant_lookup (options, "timeout", "u", &seconds);

  *timeout_us = has_timeout ? seconds * G_TIME_SPAN_SECOND : -1;
  if (g_variant_n_children (options) == (has_timeout ? 1 : 0))
    return TRUE;

  g_set_error_literal (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
                       "unknown option; the only option is “timeout” (type u), in seconds");
  return FALSE;
}

int
rd_unmarshal_descriptor (GUnixFDList *list, GVariant *handle, GError **error)
{
  const gint32 index = g_variant_get_handle (handle);
  g_autoptr (GError) reason = NULL;
  int fd;

  if (list == NULL || index < 0 || index >= g_unix_fd_list_get_length (list))
    {
      g_set_error (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
                   "the D-Bus message has no file descriptor with index %d", index);
      return -1;
    }

  fd = g_unix_fd_list_get (list, index, &reason);
  if (fd < 0)
    g_set_error (error, RD_ERROR, RD_ERROR_HANDOVER_FAILED, "cannot duplicate the socket: %s",
                 reason->message);
  return fd;
}
