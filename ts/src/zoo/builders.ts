/** The builders of the zoo and their options, which are public names. */
export { type AlexNetOptions, alexnet } from "./alexnet.js";
export { amoebanet_a, amoebanet_a_mobile, amoebanet_b_gpipe, amoebanet_c } from "./amoebanet.js";
export { bninception } from "./bninception.js";
export type { CellNetOptions } from "./cells.js";
export {
  type CifarDenseNetOptions,
  densenet_40_12,
  densenet_100_12,
  densenet_100_24,
  densenet_bc_100_12,
  densenet_bc_190_40,
  densenet_bc_250_24,
} from "./cifardensenet.js";
export {
  type CifarResNetOptions,
  resnet20_cifar,
  resnet32_cifar,
  resnet44_cifar,
  resnet56_cifar,
  resnet110_cifar,
} from "./cifarresnet.js";
export { type CifarResNeXtOptions, resnext29_8x64d, resnext29_16x64d } from "./cifarresnext.js";
export {
  type ConvNextOptions,
  convnext_base,
  convnext_large,
  convnext_small,
  convnext_tiny,
} from "./convnext.js";
export { type DenseNetOptions, densenet121, densenet161, densenet169, densenet201 } from "./densenet.js";
export {
  type EfficientNetOptions,
  efficientnet_b0,
  efficientnet_b1,
  efficientnet_b2,
  efficientnet_b3,
  efficientnet_b4,
  efficientnet_b5,
  efficientnet_b6,
  efficientnet_b7,
  efficientnet_v2_l,
  efficientnet_v2_m,
  efficientnet_v2_s,
} from "./efficientnet.js";
export { type GoogLeNetOptions, googlenet } from "./googlenet.js";
export { type GoogLeNetLrnOptions, googlenet_lrn } from "./googlenetlrn.js";
export {
  type Highway10Options,
  type Highway19Options,
  type HighwayFcOptions,
  highway10_mnist,
  highway10_mnist_16,
  highway10_mnist_fc,
  highway19_cifar10,
} from "./highway.js";
export {
  type InceptionResNetV1Options,
  type InceptionResNetV2Options,
  inception_resnet_v1,
  inception_resnet_v1_facenet,
  inception_resnet_v2,
} from "./inceptionresnet.js";
export { type InceptionV3Options, inception_v3 } from "./inceptionv3.js";
export { type InceptionV4Options, inception_v4 } from "./inceptionv4.js";
export { lenet5 } from "./lenet.js";
export { type McdnnOptions, mcdnn_cifar10, mcdnn_gtsrb, mcdnn_mnist, mcdnn_mnist_x3 } from "./mcdnn.js";
export { type MnasNetOptions, mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3 } from "./mnasnet.js";
export { type MobileNetV2Options, mobilenet_v2 } from "./mobilenetv2.js";
export { type MobileNetV3Options, mobilenet_v3_large, mobilenet_v3_small } from "./mobilenetv3.js";
export { nasnetalarge, nasnetamobile } from "./nasnet.js";
export { type NinOptions, nin_cifar10, nin_imagenet } from "./nin.js";
export { type OverFeatOptions, overfeat_accurate, overfeat_fast } from "./overfeat.js";
export { pnasnet5large } from "./pnasnet.js";
export { type PreActResNetOptions, preact_resnet164_cifar, preact_resnet1001_cifar } from "./preactresnet.js";
export { type PReLUNetOptions, prelu_net_a, prelu_net_b, prelu_net_c } from "./prelunet.js";
export {
  type RegNetOptions,
  regnet_x_1_6gf,
  regnet_x_3_2gf,
  regnet_x_8gf,
  regnet_x_16gf,
  regnet_x_32gf,
  regnet_x_400mf,
  regnet_x_800mf,
  regnet_y_1_6gf,
  regnet_y_3_2gf,
  regnet_y_8gf,
  regnet_y_16gf,
  regnet_y_32gf,
  regnet_y_128gf,
  regnet_y_400mf,
  regnet_y_800mf,
} from "./regnet.js";
export {
  type ResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  resnext101_32x8d,
  resnext101_64x4d,
  wide_resnet50_2,
  wide_resnet101_2,
} from "./resnet.js";
export {
  legacy_senet154,
  legacy_seresnet50,
  legacy_seresnet101,
  legacy_seresnet152,
  legacy_seresnext50_32x4d,
  legacy_seresnext101_32x4d,
  type SENetOptions,
} from "./senet.js";
export {
  type ShuffleNetV2Options,
  shufflenet_v2_x0_5,
  shufflenet_v2_x1_0,
  shufflenet_v2_x1_5,
  shufflenet_v2_x2_0,
} from "./shufflenetv2.js";
export { type SqueezeNetOptions, squeezenet1_0, squeezenet1_1 } from "./squeezenet.js";
export {
  mobilenetv2_100,
  type TimmEfficientNetOptions,
  tf_efficientnet_b0,
  tf_efficientnet_b1,
  tf_efficientnet_b2,
  tf_efficientnet_b3,
  tf_efficientnet_b4,
  tf_efficientnet_b5,
  tf_efficientnet_b6,
  tf_efficientnet_b7,
} from "./timmefficientnet.js";
export {
  type VggOptions,
  vgg11,
  vgg11_bn,
  vgg13,
  vgg13_bn,
  vgg16,
  vgg16_bn,
  vgg19,
  vgg19_bn,
} from "./vgg.js";
export { type WideResNetOptions, wrn_16_8, wrn_28_10, wrn_40_4 } from "./wideresnet.js";
export { legacy_xception } from "./xception.js";
