using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// Request records that nobody can retry any more. The leaseholder looks a few at a time and proposes their removal, so that every replica
// forgets the same ones at the same index: whether a request is remembered must not depend on who is asked.
internal sealed partial class RangeReplica
{
    private const int CollectMax = 500;
    private byte[]? _collectFrom;
    private MonoTime _collectAt = MonoTime.Never;

    private void CollectGarbage()
    {
        var now = _node.Clock.Mono();
        if (now < _collectAt || Descriptor!.Configuration.IsJoint)
        {
            return;
        }

        var page = RequestRecordExpiry.List(_node.Storage, Descriptor.Span, _node.Clock.Peek(), CollectMax, _collectFrom);
        _collectFrom = page.Resume;
        _collectAt = now.AddMicros(page.Resume is null ? _node.Options.CollectMicros : _node.Options.HousekeepingMicros);
        if (page.StorageKeys.Count > 0
            && _core.Propose(RangeCommand.Collect(page.StorageKeys), now, out _) == ProposeOutcome.Accepted)
        {
            _node.Closed.Touch(this);
            _node.MarkDirty(this);
        }
    }
}
