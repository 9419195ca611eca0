using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;
using static OrleansGeo.Tests.Unit.Gateway.GatewaySetup;

namespace OrleansGeo.Tests.Unit.Gateway;

public sealed class CatalogTests
{
    private static readonly DatabaseSpec s_app = new("app", "east", ["east", "west", "europe"]);

    private static GeoResult<DatabaseInfo> Create(FakeCluster cluster, DatabaseSpec spec, RequestOptions? options = null) =>
        cluster.Run(store => store.CreateDatabaseAsync(spec, options ?? RequestOptions.Default, default));

    private static GeoResult<TableInfo> Create(FakeCluster cluster, TableSpec spec, RequestOptions? options = null) =>
        cluster.Run(store => store.CreateTableAsync("app", spec, options ?? RequestOptions.Default, default));

    [Fact]
    public void A_table_gets_one_range_placed_by_its_goal_and_is_known_everywhere_before_it_is_answered()
    {
        var cluster = new FakeCluster(self: 7);
        Assert.True(Create(cluster, s_app with { Survive = SurvivalGoal.Region }).IsOk);
        cluster.Calls.Clear();
        var table = Create(cluster, Spec);
        Assert.True(table.IsOk, table.Error?.Detail);
        var range = cluster.TableRange();
        Assert.Equal(TableKeys.Span(table.Value.Id), range.Span);
        Assert.Equal(5, range.Configuration.Voters.Length);
        Assert.Equal(["east", "europe", "west"], range.LeasePreferences);
        Assert.Equal(9, cluster.Calls.Where(call => call.Operation is RangeOperation.AwaitApplied).Select(
            call => call.To).Distinct().Count());
        Assert.IsType<RangeOperation.Get>(cluster.Calls[^1].Operation);
        Assert.False(table.Value.Spec.Columns[0].Nullable);
        var info = cluster.Run(store => store.GetDatabaseAsync("app", RequestOptions.Default, default));
        Assert.Equal(["items"], info.Value!.Tables);
    }

    [Fact]
    public void Names_that_exist_are_refused_and_ids_are_never_given_twice()
    {
        var cluster = WithTable();
        Assert.Equal(GeoErrorKind.AlreadyExists, Create(cluster, s_app).Error!.Kind);
        Assert.Equal(GeoErrorKind.AlreadyExists, Create(cluster, Spec).Error!.Kind);
        var made = Enumerable.Range(0, 5).Select(i => Create(cluster, Spec with { Name = "t" + i }).Value!.Id).ToArray();
        var all = made.Concat(cluster.Ranges.Select(range => range.Id.Value)).ToArray();
        Assert.Equal(all.Length, all.Distinct().Count());
    }

    [Fact]
    public void Two_gateways_that_decide_on_the_same_counter_both_succeed_with_different_ids()
    {
        var cluster = WithTable();
        cluster.Script = call => new FakeAnswer(cluster.Answer(call.To, call.Range, call.Operation), DelayMs: 3);
        var other = new Engine.Gateway(cluster);
        var both = cluster.Loop.Run(() => Task.WhenAll(
            cluster.Store.CreateDatabaseAsync(s_app with { Name = "x" }, RequestOptions.Default, default),
            other.CreateDatabaseAsync(s_app with { Name = "y" }, RequestOptions.Default, default)));
        Assert.All(both, result => Assert.True(result.IsOk, result.Error?.Detail));
        Assert.NotEqual(both[0].Value!.Id, both[1].Value!.Id);
    }

    [Fact]
    public void An_idempotency_key_answers_a_repeated_change_as_the_first_time()
    {
        var cluster = new FakeCluster();
        var first = Create(cluster, s_app, WithKey("k1"));
        var again = Create(cluster, s_app, WithKey("k1"));
        Assert.True(again.IsOk, again.Error?.Detail);
        Assert.Equal(first.Value!.Id, again.Value.Id);
        Assert.Equal(GeoErrorKind.AlreadyExists, Create(cluster, s_app, WithKey("k2")).Error!.Kind);
        Assert.True(Create(cluster, Spec).IsOk);
        var elsewhere = new Engine.Gateway(cluster);
        var drop = cluster.Run(store => store.DropTableAsync(Table, WithKey("k3"), default));
        var dropAgain = cluster.Loop.Run(() => elsewhere.DropTableAsync(Table, WithKey("k3"), default));
        Assert.True(dropAgain.IsOk, dropAgain.Error?.Detail);
        Assert.Equal(drop.Value!.Id, dropAgain.Value.Id);
        Assert.Equal(GeoErrorKind.NotFound, cluster.Run(store => store.DropTableAsync(Table, WithKey("k4"), default)).Error!.Kind);
    }

    [Fact]
    public void A_node_that_does_not_apply_keeps_the_answer_until_it_is_known_to_be_down()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.AwaitApplied && call.To.Value == 9 ? FakeAnswer.Lost : null;
        var result = Create(cluster, Spec with { Name = "x" }, new(TimeSpan.FromSeconds(2)));
        Assert.Equal(GeoErrorKind.OutcomeUnknown, result.Error!.Kind);
        cluster.Down.Add(new(9));
        Assert.True(Create(cluster, Spec with { Name = "y" }).IsOk);
    }

    [Fact]
    public void Dropping_removes_what_there_is_and_a_database_with_tables_stays()
    {
        var cluster = WithTable();
        cluster.SplitAt("m");
        GeoResult<DatabaseInfo> Drop() => cluster.Run(store => store.DropDatabaseAsync("app", RequestOptions.Default, default));
        Assert.Equal("database-not-empty", Drop().Error!.Code);
        Assert.True(cluster.Run(store => store.DropTableAsync(Table, RequestOptions.Default, default)).IsOk);
        Assert.Equal([SystemKeys.RangeId], cluster.Ranges.Select(range => range.Id));
        Assert.True(Drop().IsOk);
        Assert.Equal(GeoErrorKind.NotFound, Drop().Error!.Kind);
    }

    [Fact]
    public void Columns_are_added_behind_the_others_and_old_rows_have_their_default()
    {
        var cluster = WithTable();
        cluster.Write(Put("a", 1));
        var changed = cluster.Run(store => store.ChangeTableAsync(
            Table, new([new("level", DatumType.Int64, false, Datum.FromInt64(3)), new("note", DatumType.String)]), RequestOptions.Default,
                default));
        Assert.Equal(2, changed.Value!.SchemaVersion);
        Assert.Equal([1, 2, 3, 4, 5], changed.Value.ColumnIds);
        Assert.Equal(Datum.FromInt64(3), cluster.Read("a").Value!.Row["level"]);
        Assert.True(cluster.Read("a").Value!.Row["note"].IsNull);
        var needed = cluster.Run(store => store.ChangeTableAsync(
            Table, new([new("must", DatumType.Int64, false)]), RequestOptions.Default, default));
        Assert.Equal(("default-needed", "must"), (needed.Error!.Code, needed.Error.Field));
    }

    [Fact]
    public void A_goal_that_cannot_be_met_names_what_is_missing()
    {
        var cluster = new FakeCluster();
        cluster.Down.Add(new(2));
        var began = cluster.Loop.Time.Millis;
        var zone = Create(cluster, s_app);
        Assert.InRange(cluster.Loop.Time.Millis - began, 0, 100);
        Assert.Equal((GeoErrorKind.Unprocessable, "survive"), (zone.Error!.Kind, zone.Error.Field));
        Assert.Contains("needs 3 zones in east; has 2 live of 3", zone.Error.Detail, StringComparison.Ordinal);
        var region = Create(cluster, new DatabaseSpec("app", "east", ["east", "west"], SurvivalGoal.Region));
        Assert.Contains("needs 3 regions, or 2 and a witness region; has 2", region.Error!.Detail, StringComparison.Ordinal);
        Assert.True(Create(cluster, new DatabaseSpec("app", "east", ["east", "west"], SurvivalGoal.Region, WitnessRegion: "europe")).IsOk);
    }

    [Fact]
    public void A_goal_waits_for_a_node_that_was_lost_just_now_and_for_no_other()
    {
        var cluster = new FakeCluster();
        cluster.Down.Add(new(2));
        cluster.LostAtMillis = cluster.Loop.Time.Millis - 2000;
        var began = cluster.Loop.Time.Millis;
        Assert.Contains("has 2 live of 3", Create(cluster, s_app).Error!.Detail, StringComparison.Ordinal);
        Assert.InRange(cluster.Loop.Time.Millis - began, 2500, 3500);
        cluster.LostAtMillis = cluster.Loop.Time.Millis - 2000;
        cluster.BackAtMillis = cluster.Loop.Time.Millis + 1000;
        Assert.True(Create(cluster, s_app).IsOk);
    }

    public static TheoryData<DatabaseSpec, string> BadDatabases => new()
    {
        { s_app with { Name = "App" }, "name" },
        { s_app with { Name = string.Empty }, "name" },
        { s_app with { Name = new('a', 64) }, "name" },
        { s_app with { Regions = [] }, "regions" },
        { s_app with { Regions = default }, "regions" },
        { s_app with { Regions = ["east", "east"] }, "regions" },
        { s_app with { Regions = ["east", "mars"] }, "regions" },
        { s_app with { PrimaryRegion = "mars" }, "primaryRegion" },
        { s_app with { Survive = (SurvivalGoal)9 }, "survive" },
        { s_app with { SecondaryRegion = "west" }, "secondaryRegion" },
        { s_app with { Survive = SurvivalGoal.Region, Placement = PlacementPolicy.Restricted }, "placement" },
        { s_app with { Survive = SurvivalGoal.Region, SecondaryRegion = "east" }, "secondaryRegion" },
        { s_app with { Survive = SurvivalGoal.Region, WitnessRegion = "west" }, "witnessRegion" },
    };

    [Theory]
    [MemberData(nameof(BadDatabases))]
    public void A_database_that_makes_no_sense_names_its_field(DatabaseSpec spec, string field) =>
        Assert.Equal(field, Create(new(), spec).Error!.Field);

    public static TheoryData<TableSpec, string> BadTables => new()
    {
        { Spec with { Name = "1x" }, "name" },
        { Spec with { Columns = [] }, "columns" },
        { Spec with { PrimaryKey = [] }, "primaryKey" },
        { Spec with { PrimaryKey = ["nope"] }, "primaryKey" },
        { Spec with { PrimaryKey = ["id", "id"] }, "primaryKey" },
        { Spec with { Columns = Spec.Columns.Add(new("id", DatumType.Bool)) }, "id" },
        { Spec with { Columns = Spec.Columns.Add(new("u", DatumType.Bool, DefaultFunction: "gen_random_uuid()")) }, "u" },
        { Spec with { Columns = Spec.Columns.Add(new("u", DatumType.Uuid, DefaultFunction: "now()")) }, "u" },
        { Spec with { Columns = Spec.Columns.Add(new("u", DatumType.Int64, Default: Datum.FromString("1"))) }, "u" },
        { Spec with { Columns = Spec.Columns.Add(new("u", (DatumType)77)) }, "u" },
        { Spec with { Locality = new TableLocality.Regional("mars") }, "locality" },
        { Spec with { Survive = (SurvivalGoal)9 }, "survive" },
    };

    [Theory]
    [MemberData(nameof(BadTables))]
    public void A_table_that_makes_no_sense_names_its_field(TableSpec spec, string field)
    {
        var cluster = new FakeCluster();
        Create(cluster, s_app);
        Assert.Equal(field, Create(cluster, spec).Error!.Field);
    }

    [Fact]
    public void A_range_is_split_where_it_is_asked_and_reads_go_on()
    {
        var cluster = WithTable();
        cluster.Write(Put("a", 1));
        cluster.Write(Put("z", 2));
        var id = cluster.TableRange().Id.Value;
        var left = cluster.Run(store => store.SplitRangeAsync(id, Key("m"), RequestOptions.Default, default));
        Assert.Equal((id, "m", "app.items"), (left.Value!.Id, left.Value.End, left.Value.Table));
        Assert.Equal(Datum.FromInt64(2), cluster.Read("z").Value!.Row["n"]);
        GeoError Error(long range, ImmutableArray<Datum>? at) =>
            cluster.Run(store => store.SplitRangeAsync(range, at, RequestOptions.Default, default)).Error!;
        Assert.Equal("split-key-outside", Error(id, Key("x")).Code);
        Assert.Equal("wrong-type", Error(id, [Datum.FromInt64(1)]).Code);
        Assert.Equal("range-not-found", Error(12345, null).Code);
        Assert.Equal("system-range", Error(1, Key("x")).Code);
    }

    [Fact]
    public void A_split_whose_answer_is_lost_is_not_asked_for_again()
    {
        var cluster = WithTable();
        cluster.Script = call => call.Operation is RangeOperation.Split ? FakeAnswer.Lost : null;
        var result = cluster.Run(store => store.SplitRangeAsync(cluster.TableRange().Id.Value, null, RequestOptions.Default, default));
        Assert.Equal(GeoErrorKind.OutcomeUnknown, result.Error!.Kind);
        Assert.Single(cluster.Calls, call => call.Operation is RangeOperation.Split);
    }

    [Fact]
    public void The_cluster_its_ranges_and_their_shortfall_are_told()
    {
        var cluster = WithTable();
        cluster.Down.Add(new(3));
        var info = cluster.Run(store => store.GetClusterAsync(RequestOptions.Default, default)).Value!;
        Assert.Equal((8, 9, "n1", "test"), (info.LiveNodes, info.Nodes, info.Node, info.ClusterId));
        var ranges = cluster.Run(store => store.ListRangesAsync(Table, RequestOptions.Default, default)).Value!.Items;
        Assert.False(ranges.Single().GoalMet);
        Assert.Contains("n3 is down", ranges.Single().Shortfall, StringComparison.Ordinal);
        Assert.Equal(8, cluster.Run(store => store.ListLatenciesAsync(RequestOptions.Default, default)).Value!.Items.Length);
        Assert.Equal(66, cluster.Run(store => store.ListNodesAsync(RequestOptions.Default, default)).Value!.Items[3].RttMs);
    }

    [Fact]
    public void A_node_is_ready_when_every_range_has_a_leaseholder_that_answers()
    {
        var cluster = WithTable(self: 7);
        Readiness Ready() => cluster.Run(store => store.GetReadinessAsync(new(TimeSpan.FromMilliseconds(500)), default)).Value!;
        Assert.True(Ready().Ready, string.Join(';', Ready().Reasons));
        cluster.Loop.Time.Advance(TimeSpan.FromSeconds(10));
        cluster.Leaders[cluster.TableRange().Id] = default;
        Assert.Contains($"range {cluster.TableRange().Id}", Ready().Reasons.Single(), StringComparison.Ordinal);
    }
}
