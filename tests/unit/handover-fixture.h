/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "engine-fixture.h"

G_BEGIN_DECLS

/* Packs the engine, which must be paused. Returns: (transfer full): the packed engine as another
 * process would receive it, with duplicated descriptors and the state as untrusted bytes. */
WsHandover *handover_receive (EngineFixture *fixture);

/* Frees @handover; closes the descriptors that no engine has taken. */
void handover_discard (WsHandover *handover);

/* Replaces the engine of the fixture by a new engine that takes over its clients. @options:
 * (nullable): options of the new engine; NULL: those of the old engine. */
void handover_carry_out (EngineFixture *fixture, const WsEngineOptions *options);

/* Starts a hand-over to a new engine, but frees the new engine and resumes the old engine instead.
 * @options: as for handover_carry_out(). */
void handover_turn_back (EngineFixture *fixture, const WsEngineOptions *options);

/* Asserts that a new engine cannot be created from @handover, and that exactly the descriptors that
 * the engine took are closed. Frees @handover. Returns: (transfer full): the error. */
GError *handover_refuse (EngineFixture *fixture, WsHandover *handover);

/* Returns: (transfer none): the client with @id. The pointer is invalid after the next
 * hand-over. */
WsClient *handover_find_client (EngineFixture *fixture, guint64 id);

G_END_DECLS
