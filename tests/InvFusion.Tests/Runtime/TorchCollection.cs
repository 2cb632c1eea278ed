using InvFusion.Tests.Diffusion;
using Xunit;

namespace InvFusion.Tests.Runtime;

/// <summary>Runs the torch tests alone: they share torch's thread count and its global generator.</summary>
[CollectionDefinition(TorchTests.Collection, DisableParallelization = true)]
public sealed class TorchCollection;
