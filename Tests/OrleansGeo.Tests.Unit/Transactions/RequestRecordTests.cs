using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class RequestRecordTests
{
    private static readonly byte[] s_hash = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    private static readonly RequestRecord s_record = new(new(77), s_hash, [9, 8]);

    [Fact]
    public void A_record_comes_back_as_it_was_stored()
    {
        var record = RequestRecord.Decode(Stored(s_record));
        Assert.Equal(s_record.KeepUntil, record.KeepUntil);
        Assert.Equal(s_record.BodyHash, record.BodyHash);
        Assert.Equal(s_record.Outcome, record.Outcome);
    }

    [Fact]
    public void A_records_stored_form_stays_what_it_is() => Assert.Equal(
        "01" + "000000000000004D" + "10" + "0102030405060708090A0B0C0D0E0F10" + "02" + "0908", Convert.ToHexString(Stored(s_record)));

    [Fact]
    public void Every_shortened_lengthened_or_newer_record_is_refused()
    {
        var stored = Stored(s_record);
        for (var length = 0; length < stored.Length; length++)
        {
            Assert.Throws<CodecException>(() => RequestRecord.Decode(stored.AsSpan(0, length)));
        }

        Assert.Throws<CodecException>(() => RequestRecord.Decode([.. stored, 0]));
        stored[0] = 2;
        Assert.Throws<CodecException>(() => RequestRecord.Decode(stored));
    }

    [Fact]
    public void A_record_key_gives_back_anchor_and_id_and_lies_in_the_bounds_of_its_anchor()
    {
        var chance = new Prng(30);
        for (var i = 0; i < 10_000; i++)
        {
            var (anchor, span) = (Draw.Key(chance), Draw.Span(chance));
            var id = new byte[chance.Below(20) + 1];
            chance.Fill(id);
            var stored = StorageKey(anchor, id);
            var decoded = RequestRecordKey.Decode(stored);
            Assert.Equal(anchor, decoded.Anchor);
            Assert.Equal(id, decoded.RequestId);
            var bounds = RequestRecordKey.SpanBounds(span);
            Assert.Equal(span.Contains(anchor), new KeySpan(new(bounds.Start), new(bounds.End)).Contains(new Key(stored)));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("0461000155")]
    [InlineData("03610001")]
    [InlineData("036155")]
    public void Bytes_that_are_no_record_key_are_refused(string hex) =>
        Assert.Throws<CodecException>(() => RequestRecordKey.Decode(Convert.FromHexString(hex)));

    [Fact]
    public void Expiry_lists_the_records_older_than_the_threshold_and_no_others()
    {
        var chance = new Prng(31);
        for (var round = 0; round < 300; round++)
        {
            var (storage, span, olderThan) = (new SortedReader(), Draw.Span(chance), Draw.Timestamp(chance, 10));
            var (expected, next, nextListed) = (new List<Key>(), HlcTimestamp.Max, HlcTimestamp.Max);
            for (byte id = 0; id < 20; id++)
            {
                var (anchor, created) = (Draw.Key(chance), Draw.Timestamp(chance, 10));
                var key = StorageKey(anchor, [id]);
                storage.Put(key, Stored(new(created, s_hash, [])));
                if (span.Contains(anchor) && created < olderThan)
                {
                    expected.Add(new(key));
                }
                else if (span.Contains(anchor))
                {
                    next = HlcTimestamp.Earlier(next, created);
                }
            }

            var listed = new List<Key>();
            byte[]? resume = null;
            do
            {
                var page = RequestRecordExpiry.List(storage, span, olderThan, chance.Below(4) + 1, resume);
                listed.AddRange(page.StorageKeys.Select(key => new Key(key)));
                page.StorageKeys.ForEach(storage.Delete);
                nextListed = HlcTimestamp.Earlier(nextListed, page.NextExpiry);
                resume = page.Resume;
            }
            while (resume is not null);
            Assert.Equal(expected.Order(), listed);
            Assert.Equal(next, nextListed);
        }
    }

    [Fact]
    public void A_request_is_done_once_answered_again_and_refused_with_another_body()
    {
        Assert.IsType<RequestDecision.Fresh>(RequestDecision.Decide(null, s_hash));
        var replay = Assert.IsType<RequestDecision.Replay>(RequestDecision.Decide(s_record, s_hash));
        Assert.Equal(s_record.Outcome, replay.Outcome);
        Assert.IsType<RequestDecision.Mismatch>(RequestDecision.Decide(s_record, s_hash.AsSpan(0, 15)));
    }

    private static byte[] Stored(RequestRecord record)
    {
        var buffer = new CodecWriter();
        record.Encode(buffer);
        return buffer.ToArray();
    }

    private static byte[] StorageKey(Key anchor, byte[] id)
    {
        var buffer = new CodecWriter();
        RequestRecordKey.Encode(buffer, anchor, id);
        return buffer.ToArray();
    }
}
