import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

extension Policies {
    /// Rules, thresholds and a trial of them.
    var endpoints: [Endpoint] {
        assignmentRules.endpoints([.create, .read, .change, .delete])
            + gradeRules.endpoints([.create, .read, .change, .delete]) + [getThresholds, putThresholds, dryRun]
    }

    private static let answer = ResponseSpec(
        200, "The thresholds.", schema: Schema("GradeThresholds", GradeThresholds.catalogue.schema.jsonSchema(.object)))

    private var getThresholds: Endpoint {
        Endpoint(
            .get, "/v1/grade-thresholds", id: "getGradeThresholds", summary: "From which points a grade begins",
            tags: ["grade-rules"], permission: "grade-rules.read", responses: [Self.answer]
        ) { [self] call in
            .json(try await thresholds(of: try call.tenant).json)
        }
    }

    private var putThresholds: Endpoint {
        let entity = GradeThresholds.catalogue
        return Endpoint(
            .put, "/v1/grade-thresholds", id: "putGradeThresholds", summary: "Say from which points a grade begins",
            tags: ["grade-rules"], permission: "policies.write",
            body: .json(Schema("GradeThresholdsPut", entity.schema.jsonSchema(.create))), responses: [Self.answer],
            errors: [.validationFailed, .ruleViolated]
        ) { [self] call in
            let changes = try entity.validate(create: try await call.json())
            let thresholds = entity.apply(changes, to: GradeThresholds()).record
            try thresholds.validate()
            try await store(thresholds, try call.tenant)
            return .json(thresholds.json)
        }
    }

    /// Whom the rules would assign a lead to, without making it.
    private var dryRun: Endpoint {
        let body = Schema("AssignmentDryRun", Lead.catalogue.schema.jsonSchema(.create))
        return Endpoint(
            .post, "/v1/assignment-rules/dry-run", id: "dryRunAssignment",
            summary: "Whom the rules would assign a lead to", tags: ["assignment-rules"],
            permission: "assignment-rules.read", body: .json(body),
            responses: [
                ResponseSpec(
                    200, "The assignment.", schema: Schema("AssignmentPreview", ["type": "object"]))
            ], errors: [.validationFailed]
        ) { [self] call in
            let tenant = try call.tenant
            let custom = try await environment.customFields.fields(of: "lead", tenant: tenant)
            let changes = try Lead.catalogue.validate(create: try await call.json(), custom: custom)
            let lead = Lead.catalogue.apply(changes, to: Lead(id: UUIDv7.make(), at: .now())).record
            let policy = try await policy(of: tenant)
            var rotation = try await rotation(of: tenant)
            let assignment = policy.assignment.assign(lead, roster: policy.roster, turns: &rotation)
            let grading = policy.grades?.grade(lead)
            return .json([
                "ownerId": assignment.owner.json, "teamId": assignment.team.json, "ruleId": assignment.rule.json,
                "ruleName": assignment.ruleName.json, "reasons": assignment.why.json,
                "points": grading?.points.json ?? .null,
                "grade": grading?.grade.rawValue.json ?? .null,
            ])
        }
    }
}
