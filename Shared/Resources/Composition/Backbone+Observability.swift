import EventLog
import Postgres
import ServiceKit
import Tenancy
import Values

extension Backbone {
    /// Health and metrics of what every service has.
    func observe() {
        let (health, metrics) = (context.health, context.metrics)
        let (database, relays, log) = (database, relays, log)
        for place in database.everywhere {
            // One that is away is felt by the tenants there alone.
            health.add(place.isHome ? "database" : "database \(place.server)", isRequired: place.isHome) {
                _ = try await place.database.query("select 1", role: place.serviceRole)
            }
        }
        // Without it writes are accepted: their events wait in the outbox.
        health.add("event log", isRequired: false) {
            guard await log.isReachable() else { throw EventLogError.unreachable("no answer") }
        }
        metrics.provide("guanxi_outbox_depth", .gauge, help: "Events that wait to be published.") {
            [.init(Double(RelayStatus.sum(relays.map(\.status)).depth))]
        }
        metrics.provide("guanxi_outbox_lag_seconds", .gauge, help: "How long the oldest waiting event has waited.") {
            [.init(RelayStatus.sum(relays.map(\.status)).lag.inSeconds)]
        }
        metrics.provide("guanxi_outbox_published_total", .counter, help: "Events published by this instance.") {
            [.init(Double(RelayStatus.sum(relays.map(\.status)).published))]
        }
    }
}
