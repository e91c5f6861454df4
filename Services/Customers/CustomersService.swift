import Contracts
import Foundation
import HTTP
import Postgres
import Resources
import ServiceKit

/// The customers service: accounts, contacts, orders, the lifecycle, and each customer's timeline.
public enum CustomersService {
    public static let name = "customers"

    /// The service's own migrations.
    public static func migrations() throws -> [MigrationSet] {
        [try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: "Migrations"))]
    }

    public static func compose(_ context: ServiceContext) async throws -> ServiceComposition {
        let backbone = try Backbone(
            context, migrations: try migrations(), callers: ["leads", "opportunities"],
            keeping: [.people, .teams, .businessLines, .products], filling: [.teams, .businessLines, .products])
        let accounts = Accounts.resource(backbone.environment)
        let contacts = Contacts.resource(backbone.environment)
        let orders = Orders(environment: backbone.environment, accounts: accounts)
        let timeline = backbone.consumer(
            TimelineProjector.group, topics: TimelineProjector.topics, handlers: [TimelineProjector()],
            isDurable: false, pace: .milliseconds(50))
        let endpoints = CustomerEndpoints(
            environment: backbone.environment, accounts: accounts, contacts: contacts, orders: orders,
            timeline: timeline)
        let imports = ImportWorker(
            backbone.environment, logger: context.logger.component("imports"),
            importers: [accounts.importer, contacts.importer, orders.resource.importer])
        return try backbone.composition(
            endpoints: endpoints.all + accounts.importEndpoints(imports) + contacts.importEndpoints(imports)
                + orders.resource.importEndpoints(imports),
            internalEndpoints: Conversions(accounts: accounts, contacts: contacts).steps.endpoints,
            consumers: backbone.directoryConsumers(name) + [timeline],
            components: [LifecycleClock(accounts: accounts, logger: context.logger), imports])
    }

    public static let program = ServiceProgram(
        name: name, summary: "Accounts, contacts, orders and their lifecycle.", compose: compose)
}
