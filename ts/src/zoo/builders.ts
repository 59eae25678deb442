/** The builders of the zoo and their options, which are public names. */
export { type AlexNetOptions, alexnet } from "./alexnet.js";
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
export { type InceptionV3Options, inception_v3 } from "./inceptionv3.js";
export { lenet5 } from "./lenet.js";
export { type MnasNetOptions, mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3 } from "./mnasnet.js";
export { type MobileNetV2Options, mobilenet_v2 } from "./mobilenetv2.js";
export { type MobileNetV3Options, mobilenet_v3_large, mobilenet_v3_small } from "./mobilenetv3.js";
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
  type ShuffleNetV2Options,
  shufflenet_v2_x0_5,
  shufflenet_v2_x1_0,
  shufflenet_v2_x1_5,
  shufflenet_v2_x2_0,
} from "./shufflenetv2.js";
export { type SqueezeNetOptions, squeezenet1_0, squeezenet1_1 } from "./squeezenet.js";
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
