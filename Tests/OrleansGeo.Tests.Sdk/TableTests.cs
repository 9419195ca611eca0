using System.Text.Json;
using OrleansGeo.Primitives;
using OrleansGeo.Tables;

namespace OrleansGeo.Tests.Sdk;

/// <summary>Typed tables on a real, embedded cluster.</summary>
public sealed class TableTests(EmbeddedFixture cluster) : IClassFixture<EmbeddedFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private GeoDatabase Home => EmbeddedFixture.Database(cluster.HomeStore);

    private GeoDatabase Away => EmbeddedFixture.Database(cluster.AwayStore);

    [Fact]
    public async Task Every_type_comes_back_as_it_was_written()
    {
        using var json = JsonDocument.Parse("""{"b":[1,2.5,null],"a":"ä"}""");
        var row = new Everything(
            "ä/ö", true, sbyte.MinValue, byte.MaxValue, short.MinValue, ushort.MaxValue, int.MinValue, uint.MaxValue, long.MinValue,
            float.MaxValue, -0.1, 79228162514264337593543950335m, Guid.NewGuid(), new(1969, 12, 31, 23, 59, 59, 999, TimeSpan.Zero),
            new(9999, 12, 31, 23, 59, 59, DateTimeKind.Utc), [0, 255, 1], Colour.Green, Days.Monday | Days.Friday, json.RootElement.Clone(),
            ["x", "y"]);
        var table = await Home.EnsureTableAsync<Everything>("everything", cancellation: Cancellation);
        var written = await table.PutAsync(row, cancellation: Cancellation);
        var read = (await table.GetAsync("ä/ö", cancellation: Cancellation)).Value!;
        Same(row, read);
        Same(row, written.Value!);
        Assert.Equal(TimeSpan.Zero, read.L.Offset);
        Assert.Equal(DateTimeKind.Utc, read.M.Kind);

        // As others see it: enums are text, whole numbers int64.
        var stored = await cluster.HomeStore.ReadRowAsync(
            table.Reference, [Datum.FromString("ä/ö")], ReadBound.Strong, RequestOptions.Default, Cancellation);
        Assert.Equal("Green", stored.Value!.Row["o"].AsString());
        Assert.Equal("Monday, Friday", stored.Value.Row["p"].AsString());
        Assert.Equal(255, stored.Value.Row["b"].AsInt64());
    }

    [Fact]
    public async Task Null_is_written_and_read_where_a_type_allows_it()
    {
        var table = await Home.EnsureTableAsync<Perhaps>("perhaps", cancellation: Cancellation);
        var full = new Perhaps
        {
            Id = "1",
            Flag = false,
            Number = 0,
            Ratio = 0,
            Price = 1.10m,
            Token = Guid.Empty,
            At = DateTimeOffset.UnixEpoch,
            Bytes = [],
            Colour = Colour.Red,
            Text = "",
        };
        await table.PutAsync(full, cancellation: Cancellation);
        Assert.Equivalent(full, (await table.GetAsync("1", cancellation: Cancellation)).Value, strict: true);
        await table.PutAsync(new() { Id = "1" }, cancellation: Cancellation);
        Assert.Equivalent(new Perhaps { Id = "1" }, (await table.GetAsync("1", cancellation: Cancellation)).Value, strict: true);
    }

    [Fact]
    public async Task Conditions_hold_or_the_write_is_refused_with_the_version_that_is_there()
    {
        var table = await Home.EnsureTableAsync<City>("conditions", cancellation: Cancellation);
        await Refused(() => table.PutAsync(new("a", 1), Precondition.Exists, Cancellation));
        await Refused(() => table.PatchAsync("a", new Patch<City>().Set(city => city.Population, 1), null, Cancellation));
        await Refused(() => table.DeleteAsync("a", null, Cancellation));
        var first = await table.PutAsync(new("a", 1), Precondition.Absent, Cancellation);
        Assert.True(first.Created);

        Assert.Equal(first.Version, (await Refused(() => table.InsertAsync(new("a", 2), null, Cancellation))).CurrentVersion);
        Assert.Equal(first.Version, (await Refused(() => table.PutAsync(new("a", 2), Precondition.Absent, Cancellation))).CurrentVersion);
        var second = await table.PutAsync(new("a", 2, "x"), Precondition.VersionIs(first.Version), Cancellation);
        Assert.False(second.Created);
        Assert.True(second.Version > first.Version);
        var stale = await Refused(() => table.DeleteAsync("a", Precondition.VersionIs(first.Version), Cancellation));
        Assert.Equal(second.Version, stale.CurrentVersion);

        var third = await table.PatchAsync("a", new Patch<City>().Set(city => city.Population, 3), Precondition.Exists, Cancellation);
        Assert.Equal(new City("a", 3, "x"), third.Value);
        var cleared = await table.PatchAsync("a", new Patch<City>().Set(city => city.Mayor, null), null, Cancellation);
        Assert.Equal(new City("a", 3), cleared.Value);
        var gone = await table.DeleteAsync("a", Precondition.VersionIs(cleared.Version), Cancellation);
        Assert.Null(gone.Value);
        var read = await table.GetAsync("a", cancellation: Cancellation);
        Assert.False(read.Found);
        Assert.NotNull(read.ReadTimestamp);
    }

    [Fact]
    public async Task Keys_of_several_columns_find_and_order_rows()
    {
        var table = await Home.EnsureTableAsync<Visit>("visits", cancellation: Cancellation);
        foreach (var visit in new Visit[] { new(10, "b"), new(9, "b"), new(1, "c"), new(2, "a", "first") })
        {
            var written = await table.InsertAsync(visit, cancellation: Cancellation);
            Assert.Equal(RowKey.Of(visit.Place, visit.Number), written.Key);
        }

        Assert.Equal("first", (await table.GetAsync(RowKey.Of("a", 2), cancellation: Cancellation)).Value!.Note);
        var many = await table.GetManyAsync([RowKey.Of("c", 1), RowKey.Of("c", 2), RowKey.Of("b", 9)], cancellation: Cancellation);
        Assert.Equal([true, false, true], many.Select(read => read.Found));
        Assert.Single(many.Select(read => read.ReadTimestamp).Distinct());

        Assert.Equal([9L, 10], await Numbers(table.Scan(new() { Prefix = "b" })));
        Assert.Equal([10L, 1], await Numbers(table.Scan(new() { From = RowKey.Of("b", 10) })));
        Assert.Equal([2L, 9], await Numbers(table.Scan(new() { To = RowKey.Of("b", 10) })));
        Assert.Equal([1L, 10], await Numbers(table.Scan(new() { Descending = true, Take = 2, PageRows = 1 })));
        Assert.Equal([9L, 10], await Numbers(table.Scan(new ScanQuery<Visit>().Where(row => row.Number, ScanOperator.Greater, 2))));
        var wrong = await Assert.ThrowsAsync<GeoRequestException>(() => table.GetAsync("a", cancellation: Cancellation));
        Assert.Equal("wrong-key-length", wrong.Error.Code);
    }

    [Fact]
    public async Task A_scan_shows_one_moment_over_pages_and_ranges_whatever_is_written_meanwhile()
    {
        var table = await Home.EnsureTableAsync<City>("scanned", cancellation: Cancellation);
        for (var i = 0; i < 40; i++)
        {
            await table.PutAsync(new($"{i:D2}", 0), cancellation: Cancellation);
        }

        await cluster.SplitAsync("scanned", "10");
        await cluster.SplitAsync("scanned", "30");
        var seen = new List<RowRead<City>>();
        var session = new GeoSession();
        var scan = Home.InSession(session).Table<City>("scanned").Scan(new() { PageRows = 7 });
        await foreach (var row in scan.WithVersions(Cancellation))
        {
            if (seen.Count == 0)
            {
                await table.PutAsync(new("05x", 1), cancellation: Cancellation);
                await table.PutAsync(new("20", 1), cancellation: Cancellation);
                await table.DeleteAsync("35", cancellation: Cancellation);
            }

            seen.Add(row);
        }

        Assert.Equal(Enumerable.Range(0, 40).Select(i => $"{i:D2}"), seen.Select(row => row.Value!.Id));
        Assert.All(seen, row => Assert.Equal(0, row.Value!.Population));
        Assert.Single(seen.Select(row => row.ReadTimestamp).Distinct());
        var now = await table.Scan(new() { From = "05x", To = "36" }).Select(city => city.Id).ToListAsync(Cancellation);
        Assert.Contains("05x", now);
        Assert.DoesNotContain("35", now);

        // What a scan has seen can be seen again, in the other region too; the session tells the node there what time it is here.
        var then = await Away.InSession(session).Table<City>("scanned")
            .GetAsync("20", new ReadBound.At(seen[0].ReadTimestamp!.Value), Cancellation);
        Assert.Equal(0, then.Value!.Population);
    }

    [Fact]
    public async Task A_read_says_what_it_cost_and_a_stale_one_in_another_region_costs_no_round_trip()
    {
        var table = await Home.EnsureTableAsync<City>("costs", cancellation: Cancellation);
        var written = await table.PutAsync(new("a", 1), cancellation: Cancellation);
        Assert.Equal(0, written.RoundTrips);
        Assert.Equal(0, (await table.GetAsync("a", cancellation: Cancellation)).RoundTrips);

        var far = Away.Table<City>("costs");
        await far.CheckAsync(Cancellation);

        // Once it knows who leads; before that a strong read may be sent on.
        var stale = await far.GetAsync("a", ReadBound.Strong, Cancellation);
        await EmbeddedFixture.UntilAsync(async () =>
        {
            var strong = await far.GetAsync("a", ReadBound.Strong, Cancellation);
            Assert.Equal(written.Version, strong.Version);
            Assert.NotEqual(0, strong.RoundTrips);
            return strong.RoundTrips == 1;
        });
        await EmbeddedFixture.UntilAsync(async () =>
        {
            stale = await far.GetAsync("a", ReadBound.BoundedStaleness(TimeSpan.FromHours(1)), Cancellation);
            return stale.Found && stale.RoundTrips == 0;
        });
        Assert.Equal(written.Version, stale.Version);
        Assert.True(stale.ReadTimestamp >= written.Version);
        Assert.False((await far.GetAsync("a", ReadBound.ExactStaleness(TimeSpan.FromHours(1)), Cancellation)).Found);
    }

    [Fact]
    public async Task A_session_sees_in_another_region_what_it_just_wrote_however_stale_it_reads()
    {
        await Home.EnsureTableAsync<City>("sessions", cancellation: Cancellation);
        var session = new GeoSession();
        var loose = ReadBound.BoundedStaleness(TimeSpan.FromHours(1));
        var anywhen = Away.Table<City>("sessions");
        await EmbeddedFixture.UntilAsync(async () => (await anywhen.GetAsync("0", loose, Cancellation)).RoundTrips == 0);
        await Home.InSession(session).Table<City>("sessions").PutAsync(new("a", 1), cancellation: Cancellation);

        // The token goes with the user to another process.
        var there = Away.InSession(new(session.Token)).Table<City>("sessions");
        Assert.True((await there.GetAsync("a", loose, Cancellation)).Found);
    }

    [Fact]
    public async Task What_loses_every_other_answer_still_inserts_each_row_once()
    {
        var lossy = ScriptedStore.Over(cluster.HomeStore);
        lossy.LosesEveryOtherWrite = true;
        await Home.EnsureTableAsync<City>("once", cancellation: Cancellation);
        var table = EmbeddedFixture.Database(lossy.Store).Table<City>("once");
        for (var i = 0; i < 20; i++)
        {
            Assert.True((await table.InsertAsync(new($"{i}", i), cancellation: Cancellation)).Created);
        }

        Assert.Equal(40, lossy.Writes.Count);
        Assert.Equal(20, lossy.Writes.Distinct().Count());
    }

    [Fact]
    public async Task An_insert_leaves_null_to_defaults_and_a_put_writes_it()
    {
        var made = await cluster.HomeStore.CreateTableAsync(
            "geo",
            new(
                "tickets",
                [
                    new("id", DatumType.Uuid, Nullable: false, DefaultFunction: "gen_random_uuid()"),
                    new("state", DatumType.String, Default: Datum.FromString("new")), new("note", DatumType.String),
                ],
                ["id"],
                new TableLocality.Regional()),
            RequestOptions.Default, Cancellation);
        Assert.True(made.IsOk, made.Error?.Detail);
        var table = Home.Table<Ticket>("tickets");
        var one = (await table.InsertAsync(new(null, null, "x"), cancellation: Cancellation)).Value!;
        var other = (await table.InsertAsync(new(null, "old"), cancellation: Cancellation)).Value!;
        Assert.Equal(("new", "x", "old", null), (one.State, one.Note, other.State, other.Note));
        Assert.NotEqual(one.Id, other.Id);
        Assert.Equal(one, (await table.GetAsync(one.Id!.Value, cancellation: Cancellation)).Value);
        Assert.Null((await table.PutAsync(one with { State = null }, cancellation: Cancellation)).Value!.State);
    }

    [Fact]
    public async Task A_type_that_does_not_fit_the_table_is_refused_by_property_and_column()
    {
        await Home.EnsureTableAsync<City>("misfit", cancellation: Cancellation);
        var missing = await Assert.ThrowsAsync<GeoMappingException>(() => Home.Table<Perhaps>("misfit").CheckAsync(Cancellation));
        Assert.Equal((nameof(Perhaps.Flag), "flag"), (missing.Property, missing.Column));
        var wrong = await Assert.ThrowsAsync<GeoMappingException>(
            () => Home.EnsureTableAsync<Misfit>("misfit", cancellation: Cancellation));
        Assert.Equal((nameof(Misfit.Population), "population"), (wrong.Property, wrong.Column));
        Assert.Contains("is string as a String, and int64 in the table misfit", wrong.Message, StringComparison.Ordinal);
        var keyless = await Assert.ThrowsAsync<GeoMappingException>(() => Home.Table<NoKey>("misfit").CheckAsync(Cancellation));
        Assert.Equal("id", keyless.Column);
        var absent = await Assert.ThrowsAsync<GeoRequestException>(() => Home.Table<City>("nowhere").CheckAsync(Cancellation));
        Assert.Equal("table-not-found", absent.Error.Code);
    }

    private static async Task<GeoConditionException> Refused(Func<Task> write) => await Assert.ThrowsAsync<GeoConditionException>(write);

    private static async Task<List<long>> Numbers(TableScan<Visit> scan) =>
        await scan.Select(visit => visit.Number).ToListAsync(Cancellation);

    private static void Same(Everything expected, Everything actual)
    {
        Assert.Equal(expected.N, actual.N);
        Assert.Equal(expected.R, actual.R);
        Assert.True(JsonElement.DeepEquals(expected.Q, actual.Q));
        Assert.Equal(expected with { N = actual.N, R = actual.R, Q = actual.Q }, actual);
    }

    private sealed record Misfit(string Id, string Population);

    private sealed record NoKey(long Population);
}
