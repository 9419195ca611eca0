using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

public sealed partial class ModelGeoStore
{
    /// <summary>The last transaction asked for.</summary>
    public TransactionRequest? LastTransaction { get; private set; }

    public Task<GeoResult<TransactionResult>> TransactAsync(
        string database, TransactionRequest transaction, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () =>
        {
            LastTransaction = transaction;
            return _databases.ContainsKey(database)
                ? Once(database, options, Show(database, transaction), () => TransactOnce(database, transaction))
                : Refused<TransactionResult>(NoDatabase(database));
        });

    private GeoResult<TransactionResult> TransactOnce(string database, TransactionRequest transaction)
    {
        var tables = _tables.Where(pair => pair.Key.Database == database).ToDictionary(pair => pair.Key.Table, pair => pair.Value);
        var infos = tables.ToDictionary(pair => pair.Key, pair => pair.Value.Info);
        if (TransactionMapper.TryMap(transaction, infos, BitConverter.GetBytes(++_lastId), out var mapped) is { } invalid)
        {
            return Refused<TransactionResult>(invalid);
        }

        for (var i = 0; i < transaction.Conditions.Length; i++)
        {
            var condition = transaction.Conditions[i];
            var row = tables[condition.Table].At(condition.Key, HlcTimestamp.Max);
            if (!Holds(condition, row))
            {
                return Refused<TransactionResult>(TransactionRefusals.Condition(i, condition, row?.Version ?? HlcTimestamp.Zero));
            }
        }

        var reads = transaction.Reads.Select(read => tables[read.Table].At(read.Key, HlcTimestamp.Max)).ToImmutableArray();
        var made = new List<(ModelTable Table, ImmutableArray<Datum> Key, Row? Row, bool Created)>();
        for (var i = 0; i < transaction.Writes.Length; i++)
        {
            var (table, key) = (tables[transaction.Writes[i].Table], mapped.WriteKeys[i]);
            var before = table.At(key, HlcTimestamp.Max);
            if (TryWrite(table, transaction.Writes[i].Write, key, before, out var after) is { } refused)
            {
                return Refused<TransactionResult>(TransactionRefusals.Write(i, refused));
            }

            made.Add((table, key, after, before is null));
        }

        // Nothing is appended before everything was allowed: a refused transaction has written nothing.
        var version = Tick();
        foreach (var (table, key, row, _) in made)
        {
            table.Append(key, version, row);
        }

        return Given(new TransactionResult(
            version, reads, [.. made.Select(one => new TransactionWritten(one.Key, version, one.Created))]));
    }

    private static bool Holds(TransactionCondition condition, VersionedRow? row) => condition switch
    {
        TransactionCondition.Existence existence => existence.Exists == row is not null,
        TransactionCondition.VersionIs version => row?.Version == version.Version,
        TransactionCondition.Field field => row is not null && Holds(field.Condition, row.Row[field.Condition.Column]),
        _ => false,
    };

    private static string Show(string database, TransactionRequest transaction)
    {
        var reads = transaction.Reads.Select(read => $"{read.Table}/{string.Join('/', read.Key)};");
        var conditions = transaction.Conditions.Select(condition =>
            $"{condition with { Key = [] }}{(condition as TransactionCondition.Field)?.Condition}/{string.Join('/', condition.Key)};");
        var writes = transaction.Writes.Select(write => Show(new(database, write.Table), write.Write));
        return $"{database}|{transaction.Isolation}|{string.Concat(reads)}|{string.Concat(conditions)}|{string.Concat(writes)}";
    }
}
