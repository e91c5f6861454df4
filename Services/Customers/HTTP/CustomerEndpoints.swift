import Contracts
import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The endpoints of this service beside the usual ones of its resources.
struct CustomerEndpoints: Sendable {
    let environment: ResourceEnvironment
    let accounts: Resource<Account>
    let contacts: Resource<Contact>
    let orders: Orders
    /// Of the timelines.
    let timeline: EventConsumer

    var all: [Endpoint] {
        accounts.endpoints() + contacts.endpoints() + orders.resource.endpoints() + [
            close(as: .returned, verb: "return", id: "returnOrder", summary: "Take an order back"),
            close(as: .cancelled, verb: "cancel", id: "cancelOrder", summary: "Call an order off"),
        ] + LifecycleEndpoints(accounts: accounts).all
            + [TimelineEndpoint(accounts: accounts, consumer: timeline).endpoint]
            + duplicates.endpoints
    }

    private var duplicates: DuplicatePolicyEndpoints<AccountMatchKind> {
        DuplicatePolicyEndpoints(
            "/v1/accounts/duplicate-policy", name: "AccountDuplicatePolicy", collection: "accounts",
            noun: "duplicates of accounts", description: "Of accounts, and of contacts within one account.",
            environment: environment)
    }

    // MARK: - Orders

    private func close(as status: Order.Status, verb: String, id: String, summary: String) -> Endpoint {
        let resource = orders.resource
        return Endpoint(
            .post, "/v1/orders/{id}/\(verb)", id: id, summary: summary, tags: ["orders"], permission: "orders.write",
            parameters: [resource.idParameter, .ifMatch, .idempotencyKey], responses: [resource.shown()],
            errors: [.notFound, .versionMismatch, .conflict]
        ) { call in
            let context = try call.writeContext()
            return try await resource.change(call.path.string("id"), context) { old in
                try await orders.close(old, as: status, context)
            }
        }
    }
}
