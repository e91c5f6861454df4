import Entities
import Values

/// What happens to opportunities.
public enum OpportunityEvents {
    public static let created = EventKind<OpportunitySnapshot, NoDetails>(
        "opportunity.created", .opportunities, zh: "新建商机。", en: "An opportunity was made.")
    public static let updated = EventKind<OpportunitySnapshot, NoDetails>(
        "opportunity.updated", .opportunities, zh: "商机被修改。", en: "An opportunity was changed.")
    public static let deleted = EventKind<OpportunitySnapshot, NoDetails>(
        "opportunity.deleted", .opportunities, zh: "商机被删除，可恢复。", en: "An opportunity was deleted; it can be restored.")
    public static let restored = EventKind<OpportunitySnapshot, NoDetails>(
        "opportunity.restored", .opportunities, zh: "商机被恢复。", en: "A deleted opportunity was restored.")
    public static let stageMoved = EventKind<OpportunitySnapshot, StageMoved>(
        "opportunity.stage-moved", .opportunities, zh: "商机进入另一阶段。", en: "An opportunity went to another stage.")
    public static let won = EventKind<OpportunitySnapshot, OpportunityWon>(
        "opportunity.won", .opportunities, zh: "商机赢单。", en: "An opportunity was won.")
    public static let lost = EventKind<OpportunitySnapshot, OpportunityLost>(
        "opportunity.lost", .opportunities, zh: "商机丢单。", en: "An opportunity was lost.")
    public static let reopened = EventKind<OpportunitySnapshot, OpportunityReopened>(
        "opportunity.reopened", .opportunities, zh: "商机重新打开。", en: "A closed opportunity is open again.")
    public static let assigned = EventKind<OpportunitySnapshot, OwnerChanged>(
        "opportunity.assigned", .opportunities, zh: "商机更换负责人。", en: "An opportunity was given to another owner.")
    public static let activityAdded = EventKind<OpportunitySnapshot, ActivityAdded>(
        "opportunity.activity-added", .opportunities, zh: "商机有了新的跟进。", en: "Something was done with an opportunity.")
    public static let registered = EventKind<OpportunitySnapshot, OpportunityRegistered>(
        "opportunity.registered", .opportunities, zh: "商机报备。", en: "An opportunity was registered.")
    public static let arbitrated = EventKind<OpportunitySnapshot, OpportunityArbitrated>(
        "opportunity.arbitrated", .opportunities, zh: "撞单仲裁。", en: "It was decided whose registration stands.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition, stageMoved.definition,
        won.definition, lost.definition, reopened.definition, assigned.definition, activityAdded.definition,
        registered.definition, arbitrated.definition,
    ]
}

/// What happens to products.
public enum ProductEvents {
    public static let created = EventKind<ProductSnapshot, NoDetails>(
        "product.created", .opportunities, zh: "新建产品。", en: "A product was made.")
    public static let updated = EventKind<ProductSnapshot, NoDetails>(
        "product.updated", .opportunities, zh: "产品被修改。", en: "A product was changed.")
    public static let deleted = EventKind<ProductSnapshot, NoDetails>(
        "product.deleted", .opportunities, zh: "产品被删除，可恢复。", en: "A product was deleted; it can be restored.")
    public static let restored = EventKind<ProductSnapshot, NoDetails>(
        "product.restored", .opportunities, zh: "产品被恢复。", en: "A deleted product was restored.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition,
    ]
}

/// What happens to pipelines.
public enum PipelineEvents {
    public static let created = EventKind<PipelineSnapshot, NoDetails>(
        "pipeline.created", .opportunities, zh: "新建销售流程。", en: "A pipeline was made.")
    public static let updated = EventKind<PipelineSnapshot, NoDetails>(
        "pipeline.updated", .opportunities, zh: "销售流程被修改。", en: "A pipeline was changed.")
    public static let deleted = EventKind<PipelineSnapshot, NoDetails>(
        "pipeline.deleted", .opportunities, zh: "销售流程被删除，可恢复。", en: "A pipeline was deleted; it can be restored.")
    public static let restored = EventKind<PipelineSnapshot, NoDetails>(
        "pipeline.restored", .opportunities, zh: "销售流程被恢复。", en: "A deleted pipeline was restored.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition,
    ]
}

/// What happens to targets.
public enum TargetEvents {
    public static let created = EventKind<TargetSnapshot, NoDetails>(
        "target.created", .opportunities, zh: "新建目标。", en: "A target was made.")
    public static let updated = EventKind<TargetSnapshot, NoDetails>(
        "target.updated", .opportunities, zh: "目标被修改。", en: "A target was changed.")
    public static let deleted = EventKind<TargetSnapshot, NoDetails>(
        "target.deleted", .opportunities, zh: "目标被删除，可恢复。", en: "A target was deleted; it can be restored.")
    public static let restored = EventKind<TargetSnapshot, NoDetails>(
        "target.restored", .opportunities, zh: "目标被恢复。", en: "A deleted target was restored.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition,
    ]
}

/// What happens to contracts.
public enum ContractEvents {
    public static let created = EventKind<ContractSnapshot, NoDetails>(
        "contract.created", .opportunities, zh: "新建合同。", en: "A contract was made.")
    public static let updated = EventKind<ContractSnapshot, NoDetails>(
        "contract.updated", .opportunities, zh: "合同或其回款被修改。", en: "A contract or its payments were changed.")
    public static let deleted = EventKind<ContractSnapshot, NoDetails>(
        "contract.deleted", .opportunities, zh: "合同被删除，可恢复。", en: "A contract was deleted; it can be restored.")
    public static let restored = EventKind<ContractSnapshot, NoDetails>(
        "contract.restored", .opportunities, zh: "合同被恢复。", en: "A deleted contract was restored.")

    static let all = [
        created.definition, updated.definition, deleted.definition, restored.definition,
    ]
}
