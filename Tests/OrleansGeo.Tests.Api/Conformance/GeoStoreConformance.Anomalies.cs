using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Conformance;

/// <summary>
/// The anomalies of Hermitage as far as transactions that are given whole can bring them about, each over two tables, which are two ranges.
/// What may happen depends on who is quicker; what is asserted does not.
/// </summary>
public abstract partial class GeoStoreConformance
{
    private const int AnomalyRounds = 8;

    public static TheoryData<TransactionIsolation> Isolations() => [TransactionIsolation.Serializable, TransactionIsolation.Strict];

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G0_writes_of_two_transactions_do_not_mix(TransactionIsolation isolation)
    {
        for (var round = 0; round < AnomalyRounds; round++)
        {
            var done = await Task.WhenAll(Both(isolation, 1, 1), Both(isolation, 2, 2), Both(isolation, 3, 3));
            var (x, y, at) = await SeeAsync(isolation);
            Assert.Equal(x, y);
            var last = done.Select(Ok).MaxBy(result => result.CommitTimestamp)!;
            Assert.Equal([last.CommitTimestamp, last.CommitTimestamp], at);
            Assert.Equal(3, done.Select(result => result.Value!.CommitTimestamp).Distinct().Count());
        }
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G1a_nobody_sees_what_was_refused(TransactionIsolation isolation)
    {
        Ok(await Both(isolation, 0, 0));
        for (var round = 0; round < AnomalyRounds; round++)
        {
            var refused = Both(isolation, 9, 9, YIs(8));
            var seen = await Task.WhenAll(SeeAsync(isolation), SeeAsync(isolation));
            Refused(GeoErrorKind.PreconditionFailed, await refused);
            Assert.All(seen, found => Assert.Equal((0, 0), (found.X, found.Y)));
        }

        var last = await SeeAsync(isolation);
        Assert.Equal((0, 0), (last.X, last.Y));
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G1c_and_G2_item_of_two_that_each_read_what_the_other_writes_one_is_first(TransactionIsolation isolation)
    {
        for (var round = 0; round < AnomalyRounds; round++)
        {
            Ok(await Both(isolation, 0, 0));
            var results = await Task.WhenAll(
                TransactAsync(s_nothing with { Isolation = isolation, Reads = [ReadOfY], Writes = [WriteOfX(1)] }),
                TransactAsync(s_nothing with { Isolation = isolation, Reads = [ReadOfX], Writes = [WriteOfY(1)] }));
            var (sawY, sawX) = (Number(Ok(results[0]), "v"), Number(Ok(results[1]), "pop"));

            // Both would be circular information flow; neither, a cycle of two anti-dependencies.
            Assert.Equal(1, sawX + sawY);
            var first = sawX == 1 ? results[0] : results[1];
            Assert.Equal(first.Value!.CommitTimestamp, results.Min(result => result.Value!.CommitTimestamp));
        }
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task OTV_and_G_single_a_reader_sees_all_or_nothing_of_a_transaction_and_never_less_than_before(
        TransactionIsolation isolation)
    {
        Ok(await Both(isolation, 0, 0));
        var writers = Task.WhenAll(Enumerable.Range(1, AnomalyRounds).Select(value => Both(isolation, value, value)));
        var before = HlcTimestamp.Zero;
        for (var reads = 0; reads < 2 || !writers.IsCompleted; reads++)
        {
            var (x, y, at) = await SeeAsync(isolation);
            Assert.Equal(x, y);
            Assert.Equal(at[0], at[1]);
            Assert.True(at[0] >= before, "what was seen has vanished");
            before = at[0];
        }

        Assert.All(await writers, result => Ok(result));
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task PMP_a_scan_sees_all_or_nothing_of_what_a_transaction_adds(TransactionIsolation isolation)
    {
        var writers = Task.WhenAll(Enumerable.Range(0, AnomalyRounds).Select(round => TransactAsync(s_nothing with
        {
            Isolation = isolation,
            Writes =
            [
                OfPair(WriteKind.Put, "a", round, ("v", Number(round))), OfCity(WriteKind.Put, "mark", ("pop", Number(round))),
                OfPair(WriteKind.Put, "z", round, ("v", Number(round))),
            ],
        })));
        for (var scans = 0; scans < 2 || !writers.IsCompleted; scans++)
        {
            var rows = Ok(await ScanPairsAsync(All())).Rows;
            var (low, high) = (rows.Where(row => row.Key[0] == Text("a")), rows.Where(row => row.Key[0] == Text("z")));
            Assert.Equal(low.Select(row => (row.Key[1], row.Version)), high.Select(row => (row.Key[1], row.Version)));
        }

        Assert.All(await writers, result => Ok(result));
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task P4_of_writers_that_saw_the_same_version_one_writes(TransactionIsolation isolation)
    {
        Ok(await Both(isolation, 0, 0));
        var made = 0;
        for (var round = 0; round < AnomalyRounds; round++)
        {
            var (x, _, at) = await SeeAsync(isolation);
            var unchanged = new TransactionCondition.VersionIs("city", XKey, at[0]);
            var results = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Both(isolation, x + 1, x + 1, unchanged)));
            Assert.Single(results, result => result.IsOk);
            Assert.All(results.Where(result => !result.IsOk), result => Refused(GeoErrorKind.PreconditionFailed, result));
            made++;
        }

        // What is added without looking is added all the same.
        var added = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => TransactAsync(s_nothing with
        {
            Isolation = isolation,
            Writes = [OfCity(WriteKind.Increment, "x", ("pop", Number(1))), OfPair(WriteKind.Increment, "y", 1, ("v", Number(1)))],
        })));
        made += added.Select(Ok).Count();
        var last = await SeeAsync(isolation);
        Assert.Equal((made, made), (last.X, last.Y));
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G_single_with_dependencies_nobody_writes_on_what_is_no_more_so(TransactionIsolation isolation)
    {
        Ok(await Both(isolation, 0, 0));
        var (_, _, seen) = await SeeAsync(isolation);
        Ok(await Both(isolation, 1, 1));

        // It saw x before the other and would write y behind it, or delete it.
        var sawX = new TransactionCondition.VersionIs("city", XKey, seen[0]);
        foreach (var write in (TransactionWrite[])[WriteOfY(7), OfPair(WriteKind.Delete, "y", 1)])
        {
            Refused(GeoErrorKind.PreconditionFailed, await TransactAsync(
                s_nothing with { Isolation = isolation, Conditions = [sawX], Writes = [write] }));
        }

        var last = await SeeAsync(isolation);
        Assert.Equal((1, 1), (last.X, last.Y));
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G2_item_two_conditions_that_the_other_breaks_do_not_both_hold(TransactionIsolation isolation)
    {
        for (var round = 0; round < AnomalyRounds; round++)
        {
            Ok(await Both(isolation, 0, 0));
            var results = await Task.WhenAll(
                TransactAsync(s_nothing with { Isolation = isolation, Conditions = [YIs(0)], Writes = [WriteOfX(1)] }),
                TransactAsync(s_nothing with { Isolation = isolation, Conditions = [XIs(0)], Writes = [WriteOfY(1)] }));
            Assert.Single(results, result => result.IsOk);
            var last = await SeeAsync(isolation);
            Assert.Equal(1, last.X + last.Y);
        }
    }

    [Theory]
    [MemberData(nameof(Isolations))]
    public async Task G2_two_that_each_require_the_absence_of_what_the_other_adds_do_not_both_add(TransactionIsolation isolation)
    {
        for (var round = 0; round < AnomalyRounds; round++)
        {
            var (name, number) = ($"g{round}", round);
            var noPair = new TransactionCondition.Existence("pair", [Text("g"), Number(number)], false);
            var results = await Task.WhenAll(
                TransactAsync(s_nothing with { Isolation = isolation, Conditions = [noPair], Writes = [OfCity(WriteKind.Insert, name)] }),
                TransactAsync(s_nothing with
                {
                    Isolation = isolation,
                    Conditions = [If(name, exists: false)],
                    Writes = [OfPair(WriteKind.Insert, "g", number)],
                }));
            Assert.Single(results, result => result.IsOk);
        }
    }

    private static ImmutableArray<Datum> XKey => [Text("x")];

    private static ImmutableArray<Datum> YKey => [Text("y"), Number(1)];

    private static TransactionRead ReadOfX => new("city", XKey);

    private static TransactionRead ReadOfY => new("pair", YKey);

    private static TransactionWrite WriteOfX(long value) => OfCity(WriteKind.Put, "x", ("pop", Number(value)));

    private static TransactionWrite WriteOfY(long value) => OfPair(WriteKind.Put, "y", 1, ("v", Number(value)));

    private static TransactionCondition.Field XIs(long value) =>
        new TransactionCondition.Field("city", XKey, new("pop", ScanOperator.Equal, Number(value)));

    private static TransactionCondition.Field YIs(long value) =>
        new TransactionCondition.Field("pair", YKey, new("v", ScanOperator.Equal, Number(value)));

    private static long Number(TransactionResult result, string column) => result.Reads[0]!.Row[column].AsInt64();

    private Task<GeoResult<TransactionResult>> Both(
        TransactionIsolation isolation, long x, long y, params TransactionCondition[] conditions) =>
        TransactAsync(s_nothing with { Isolation = isolation, Conditions = [.. conditions], Writes = [WriteOfX(x), WriteOfY(y)] });

    private async Task<(long X, long Y, HlcTimestamp[] At)> SeeAsync(TransactionIsolation isolation)
    {
        var rows = Ok(await TransactAsync(s_nothing with { Isolation = isolation, Reads = [ReadOfX, ReadOfY] })).Reads;
        return (rows[0]!.Row["pop"].AsInt64(), rows[1]!.Row["v"].AsInt64(), [rows[0]!.Version, rows[1]!.Version]);
    }
}
