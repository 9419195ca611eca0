using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace OrleansGeo.Api.Views;

/// <summary>How every view is written, known at compile time.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, NumberHandling = JsonNumberHandling.Strict)]
[JsonSerializable(typeof(ClusterView))]
[JsonSerializable(typeof(NodesView))]
[JsonSerializable(typeof(LatenciesView))]
[JsonSerializable(typeof(RangeView))]
[JsonSerializable(typeof(RangesView))]
[JsonSerializable(typeof(ReadinessView))]
[JsonSerializable(typeof(DatabaseView))]
[JsonSerializable(typeof(DatabasesView))]
[JsonSerializable(typeof(TableView))]
[JsonSerializable(typeof(TablesView))]
[JsonSerializable(typeof(DatabaseBody))]
[JsonSerializable(typeof(TableBody))]
[JsonSerializable(typeof(TableChangeBody))]
[JsonSerializable(typeof(SplitBody))]
[JsonSerializable(typeof(TransferLeaderBody))]
[JsonSerializable(typeof(BatchBody))]
[JsonSerializable(typeof(BatchView))]
[JsonSerializable(typeof(TransactionBody))]
[JsonSerializable(typeof(TransactionView))]
[JsonSerializable(typeof(TransactionBeginBody))]
[JsonSerializable(typeof(TransactionBegunView))]
[JsonSerializable(typeof(TransactionReadsBody))]
[JsonSerializable(typeof(TransactionReadsView))]
[JsonSerializable(typeof(TransactionWritesBody))]
[JsonSerializable(typeof(TransactionWritesView))]
[JsonSerializable(typeof(SavepointBody))]
[JsonSerializable(typeof(RollbackBody))]
[JsonSerializable(typeof(TransactionCommittedView))]
[JsonSerializable(typeof(PageView))]
[JsonSerializable(typeof(ProblemView))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(JsonElement))]
public sealed partial class GeoJsonContext : JsonSerializerContext;
