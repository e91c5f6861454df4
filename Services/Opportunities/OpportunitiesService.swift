import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import ServiceKit
import Values

/// The opportunities service: products, pipelines, opportunities, contracts, targets and the forecast.
public enum OpportunitiesService {
    public static let name = "opportunities"

    /// The service's own migrations.
    public static func migrations() throws -> [MigrationSet] {
        [try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: "Migrations"))]
    }

    public static func compose(_ context: ServiceContext) async throws -> ServiceComposition {
        let backbone = try Backbone(
            context, migrations: try migrations(), callers: ["leads", "customers"],
            keeping: [.people, .teams, .businessLines])
        let environment = backbone.environment
        let pipelines = Pipelines(environment: environment)
        let products = Products(environment: environment)
        let opportunities = Opportunities(environment: environment, pipelines: pipelines, products: products)
        let imports = ImportWorker(
            environment, logger: context.logger.component("imports"),
            importers: [opportunities.resource.importer, products.resource.importer])
        return try backbone.composition(
            endpoints: products.resource.endpoints() + pipelines.resource.endpoints([.create, .read, .change, .delete])
                + [pipelines.versions, PipelineMigration(opportunities: opportunities).endpoint]
                + opportunities.resource.endpoints() + opportunities.resource.importEndpoints(imports)
                + products.resource.importEndpoints(imports) + OpportunityActs(opportunities: opportunities).endpoints
                + RegistrationActs(opportunities: opportunities).endpoints
                + Targets(environment: environment).resource.endpoints([.create, .read, .change, .delete])
                + ForecastEndpoints(opportunities: opportunities).endpoints
                + ContractEndpoints(contracts: ContractStore(opportunities: opportunities)).endpoints,
            internalEndpoints: SagaSteps(environment)
                .step(
                    "opportunity", opportunities.resource,
                    complete: { $0.leadID = $1["leadId"]?.string.flatMap { UUID($0) } },
                    retire: { $0.giveUpExternalKey() }
                ).endpoints + CopySource(environment, [.products]).endpoints,
            consumers: backbone.directoryConsumers(name),
            components: [imports], seed: { try await pipelines.seed($0) })
    }

    public static let program = ServiceProgram(
        name: name, summary: "Products, pipelines, opportunities, targets and the forecast.", compose: compose)
}
