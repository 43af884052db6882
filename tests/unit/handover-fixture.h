/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "engine-fixture.h"

G_BEGIN_DECLS

/* What another process would get of the engine, which is paused: descriptors of its own, and the
 * state read from bytes. Returns: (transfer full). */
WsHandover *handover_receive (EngineFixture *fixture);

/* Closes what was not taken of it, too. */
void handover_discard (WsHandover *handover);

/* Has a new engine go on in place of the fixture's, which hangs up. @options: NULL: the same. */
void handover_carry_out (EngineFixture *fixture, const WsEngineOptions *options);

/* The same up to the moment before the new engine would begin: then the old one goes on. */
void handover_turn_back (EngineFixture *fixture, const WsEngineOptions *options);

/* Asserts that a new engine refuses @handover, closes nothing that it did not take and leaves
 * nothing open. Discards it. Returns: (transfer full): why. */
GError *handover_refuse (EngineFixture *fixture, WsHandover *handover);

/* Returns: (transfer none): the client with @id; it has another address after each hand-over. */
WsClient *handover_find_client (EngineFixture *fixture, guint64 id);

G_END_DECLS
