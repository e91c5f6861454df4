import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import ServiceKit
import Values

/// The opportunities service: products, pipelines, opportunities, targets and the forecast.
public enum OpportunitiesService {
    public static let name = "opportunities"

    /// The service's own migrations.
    public static func migrations() throws -> [MigrationSet] {
        [try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: "Migrations"))]
    }

    public static func compose(_ context: ServiceContext) async throws -> ServiceComposition {
        let backbone = try Backbone(context, migrations: try migrations(), callers: ["leads"])
        let environment = backbone.environment
        let pipelines = Pipelines(environment: environment)
        let products = Products(environment: environment)
        let opportunities = Opportunities(environment: environment, pipelines: pipelines, products: products)
        let targets = Resource<Target>(
            "targets", environment: environment,
            rules: ResourceRules(
                creating: { drafts in
                    drafts.map { draft in
                        Target.days(of: draft.record.period) == nil
                            ? .refuse(References.unknown("/period", draft.record.period)) : .create(draft.record)
                    }
                }))
        return try backbone.composition(
            endpoints: products.resource.endpoints() + pipelines.resource.endpoints([.create, .read, .change, .delete])
                + [pipelines.versions] + opportunities.resource.endpoints()
                + OpportunityActs(opportunities: opportunities).endpoints
                + targets.endpoints([.create, .read, .change, .delete]),
            internalEndpoints: SagaSteps(environment)
                .step(
                    "opportunity", opportunities.resource,
                    complete: { $0.leadID = $1["leadId"]?.string.flatMap { UUID(uuidString: $0) } }
                ).endpoints, seed: { try await pipelines.seed($0) })
    }

    public static let program = ServiceProgram(
        name: name, summary: "Products, pipelines, opportunities, targets and the forecast.", compose: compose)
}
